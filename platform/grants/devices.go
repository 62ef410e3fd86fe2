package grants

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// The letters of user codes: no vowels, so no words, and nothing that is easily
// mistaken for another.
const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 8
)

// pollSlack is how much too early a poll may arrive: a client that keeps the
// interval exactly meets networks that do not.
const pollSlack = time.Second

// Device is a program that waits for a user to sign in elsewhere.
type Device struct {
	ClientID  string
	Scope     []string
	Address   string // where it asked from
	Pending   bool
	CreatedAt time.Time
	ExpiresAt time.Time

	hash []byte
}

// StartDevice makes a device code and the code that a user types.
func (s *Store) StartDevice(ctx context.Context, clientID, address string, scope []string) (deviceCode, userCode string, interval time.Duration, err error) {
	deviceCode, userCode = newSecret(), newUserCode()
	now := s.now()
	err = s.q.AddOAuthDevice(ctx, db.AddOAuthDeviceParams{
		TenantID: tenant, Hash: hashOf(deviceCode), UserCodeHash: s.keys.hashUserCode(userCode), ClientID: clientID,
		Scope: strings.Join(scope, " "), Address: address, None: uuid.Nil, PollSeconds: int32(pollInterval / time.Second),
		CreatedAt: now, ExpiresAt: now.Add(DeviceLife),
	})
	if err != nil {
		return "", "", 0, fmt.Errorf("storing a device: %w", err)
	}
	return deviceCode, userCode[:4] + "-" + userCode[4:], pollInterval, nil
}

// DeviceByUserCode finds a device by what the user typed, in any case and with
// or without the dash.
func (s *Store) DeviceByUserCode(ctx context.Context, userCode string) (Device, error) {
	code, ok := normaliseUserCode(userCode)
	if !ok {
		return Device{}, ErrUnknown
	}
	row, err := s.q.OAuthDeviceByUserCode(ctx, db.OAuthDeviceByUserCodeParams{TenantID: tenant, UserCodeHash: s.keys.hashUserCode(code)})
	if err != nil {
		return Device{}, unknown(err)
	}
	if !s.now().Before(row.ExpiresAt) {
		return Device{}, ErrUnknown
	}
	return Device{
		ClientID: row.ClientID, Scope: strings.Fields(row.Scope), Address: row.Address, Pending: row.Status == "pending",
		CreatedAt: row.CreatedAt.UTC(), ExpiresAt: row.ExpiresAt.UTC(), hash: row.Hash,
	}, nil
}

// ApproveDevice lets a device have tokens, to which the user consents by it:
// ErrUnknown if somebody has decided already.
func (s *Store) ApproveDevice(ctx context.Context, d Device, a Approval) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		now := s.now()
		if err := allow(ctx, q, a.User, a.ClientID, a.MemberOf, a.Agreed, now); err != nil {
			return err
		}
		id, err := s.addGrant(ctx, q, a, now)
		if err != nil {
			return err
		}
		return decide(ctx, q, d, "approved", id, a.MemberOf, now)
	})
}

// DenyDevice refuses a device.
func (s *Store) DenyDevice(ctx context.Context, d Device) error {
	return decide(ctx, s.q, d, "denied", uuid.Nil, uuid.Nil, s.now())
}

func decide(ctx context.Context, q *db.Queries, d Device, status string, grant, memberOf uuid.UUID, now time.Time) error {
	n, err := q.DecideOAuthDevice(ctx, db.DecideOAuthDeviceParams{
		TenantID: tenant, Hash: d.hash, Status: status, GrantID: grant, MemberOf: memberOf, Now: now,
	})
	if err != nil {
		return fmt.Errorf("deciding about a device: %w", err)
	}
	if n == 0 {
		return ErrUnknown
	}
	return nil
}

// PollDevice answers a device: with the grant once, before that ErrPending,
// ErrSlowDown or ErrDenied, and ErrUnknown for ever after.
func (s *Store) PollDevice(ctx context.Context, deviceCode, clientID string) (g Grant, err error) {
	var answer error
	err = s.inTx(ctx, func(q *db.Queries) error {
		row, err := q.LockOAuthDevice(ctx, db.LockOAuthDeviceParams{TenantID: tenant, Hash: hashOf(deviceCode)})
		if err != nil {
			return unknown(err)
		}
		now := s.now()
		switch {
		case row.ClientID != clientID:
			return ErrMismatch
		case !now.Before(row.ExpiresAt), row.Status == "redeemed":
			return ErrUnknown
		case row.Status == "denied":
			return ErrDenied
		case row.Status == "pending":
			answer = ErrPending
			poll := row.PollSeconds
			if row.PolledAt != nil && now.Before(row.PolledAt.Add(time.Duration(poll)*time.Second-pollSlack)) {
				answer = ErrSlowDown
				poll += int32(pollInterval / time.Second)
			}
			return q.PollOAuthDevice(ctx, db.PollOAuthDeviceParams{TenantID: tenant, Hash: row.Hash, Now: now, PollSeconds: poll})
		}
		if err := q.RedeemOAuthDevice(ctx, db.RedeemOAuthDeviceParams{TenantID: tenant, Hash: row.Hash}); err != nil {
			return err
		}
		g, err = liveGrant(ctx, q, row.GrantID, now)
		g.MemberOf = row.MemberOf
		return err
	})
	if err == nil {
		err = answer
	}
	return g, err
}

func newUserCode() string {
	// Bytes from 240 on are thrown away so that each letter is as likely.
	code := make([]byte, 0, userCodeLength)
	for random := make([]byte, 1); len(code) < userCodeLength; {
		if rand.Read(random); random[0] < 240 {
			code = append(code, userCodeLetters[int(random[0])%len(userCodeLetters)])
		}
	}
	return string(code)
}

func normaliseUserCode(typed string) (string, bool) {
	code := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(typed))
	if len(code) != userCodeLength || strings.Trim(code, userCodeLetters) != "" {
		return "", false
	}
	return code, true
}
