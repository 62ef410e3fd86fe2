// Package grants keeps what people granted to OAuth clients, in Postgres:
// grants with their codes, refresh tokens and devices, consents, and the keys
// that sign tokens. Codes and tokens are stored as hashes. Of any number of
// requests at the same moment, on any number of nodes, exactly one redeems a
// code, replaces a refresh token or gets a device's tokens.
package grants

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/sql/db"
)

// Users and clients belong to the system tenant, so what they granted does too.
var tenant = uuid.Nil

// The lifetimes.
const (
	CodeLife     = time.Minute
	RefreshIdle  = 14 * 24 * time.Hour // a refresh token that is not used
	RefreshLife  = 90 * 24 * time.Hour // a grant, however often it is refreshed
	DeviceLife   = 10 * time.Minute
	pollInterval = 5 * time.Second
	// graceFor is how long a replaced refresh token still yields its successor.
	graceFor = 10 * time.Second
	// revocationsFor outlives every access token.
	revocationsFor = time.Hour
)

var (
	// ErrUnknown: there is no such code, token or grant, or it has expired.
	ErrUnknown = errors.New("unknown or expired")
	// ErrReplayed: it was used before; the grant has been revoked.
	ErrReplayed = errors.New("used before; the grant is revoked")
	// ErrMismatch: it was presented by another client, or not with what it was
	// issued for.
	ErrMismatch = errors.New("presented with something else than it was issued for")
	// ErrNotConsented: the user does not allow the client what it is to get.
	ErrNotConsented = errors.New("the user has not agreed, or not any more")
	// ErrPending, ErrSlowDown and ErrDenied answer a device that polls.
	ErrPending  = errors.New("nobody has decided yet")
	ErrSlowDown = errors.New("polled too often")
	ErrDenied   = errors.New("denied")
)

// Grant is one sign-in of a user to a client, and what all its tokens share.
type Grant struct {
	ID        uuid.UUID
	ClientID  string
	User      uuid.UUID
	Session   uuid.UUID
	Scope     []string
	Nonce     string
	AuthTime  time.Time
	CreatedAt time.Time
	ExpiresAt time.Time
	Revoked   bool
	// MemberOf is the tenant that the next tokens are for.
	MemberOf uuid.UUID
}

// Store keeps grants. Safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	q    *db.Queries
	keys keyWrap
	now  func() time.Time
}

// Config of a store.
type Config struct {
	Key [32]byte         // wraps signing keys; the same on every node
	Now func() time.Time // nil: time.Now
}

// New returns the grants in the pool's database.
func New(pool *pgxpool.Pool, c Config) *Store {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Store{pool: pool, q: db.New(pool), keys: newKeyWrap(c.Key), now: func() time.Time { return c.Now().UTC().Truncate(time.Microsecond) }}
}

// liveGrant returns a grant, without MemberOf: ErrUnknown if it was revoked.
func liveGrant(ctx context.Context, q *db.Queries, id uuid.UUID, now time.Time) (Grant, error) {
	row, err := q.OAuthGrant(ctx, db.OAuthGrantParams{TenantID: tenant, ID: id})
	if err != nil {
		return Grant{}, unknown(err)
	}
	g := fromRow(row)
	if g.Revoked || !now.Before(g.ExpiresAt) {
		return g, ErrUnknown
	}
	return g, nil
}

// Revoke ends a grant and everything that came from it.
func (s *Store) Revoke(ctx context.Context, id uuid.UUID, reason string) error {
	return s.revoke(ctx, func(q *db.Queries, now time.Time) ([]uuid.UUID, error) {
		_, err := q.RevokeOAuthGrant(ctx, db.RevokeOAuthGrantParams{TenantID: tenant, ID: id, Now: now, Reason: reason})
		return []uuid.UUID{id}, err
	})
}

// RevokeSession ends what was granted in a session.
func (s *Store) RevokeSession(ctx context.Context, session uuid.UUID, reason string) error {
	return s.revoke(ctx, func(q *db.Queries, now time.Time) ([]uuid.UUID, error) {
		return q.RevokeOAuthGrantsOfSession(ctx, db.RevokeOAuthGrantsOfSessionParams{TenantID: tenant, SessionID: session, Now: now, Reason: reason})
	})
}

// RevokeUser ends whatever a user granted.
func (s *Store) RevokeUser(ctx context.Context, user uuid.UUID, reason string) error {
	return s.revoke(ctx, func(q *db.Queries, now time.Time) ([]uuid.UUID, error) {
		return q.RevokeOAuthGrantsOfUser(ctx, db.RevokeOAuthGrantsOfUserParams{TenantID: tenant, UserID: user, Now: now, Reason: reason})
	})
}

// revoke ends grants and their access tokens together: of a grant that is revoked
// nothing is looked at again.
func (s *Store) revoke(ctx context.Context, end func(q *db.Queries, now time.Time) ([]uuid.UUID, error)) error {
	err := s.inTx(ctx, func(q *db.Queries) error {
		now := s.now()
		ids, err := end(q, now)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := addRevocation(ctx, q, id.String(), now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("revoking grants: %w", err)
	}
	return nil
}

// RevokeToken makes access tokens invalid before they expire: one by its id, or
// all of a grant by the grant's.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	if err := addRevocation(ctx, s.q, id, s.now()); err != nil {
		return fmt.Errorf("revoking a token: %w", err)
	}
	return nil
}

func addRevocation(ctx context.Context, q *db.Queries, id string, now time.Time) error {
	return q.AddOAuthRevocation(ctx, db.AddOAuthRevocationParams{TenantID: tenant, ID: id, RevokedAt: now, ExpiresAt: now.Add(revocationsFor)})
}

// Revocations returns what ended early, and when: tokens and grants, by their ids,
// and everything that was issued by then to a client or service account, by its id.
func (s *Store) Revocations(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.q.OAuthRevocations(ctx, db.OAuthRevocationsParams{TenantID: tenant, Now: s.now()})
	if err != nil {
		return nil, fmt.Errorf("revoked tokens: %w", err)
	}
	ended := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		ended[r.ID] = r.RevokedAt
	}
	return ended, nil
}

// UseAssertion notes that a client authenticated with an assertion of this id,
// and reports whether it is the first time. The note is kept until the assertion
// has expired anyway.
func (s *Store) UseAssertion(ctx context.Context, clientID, id string, expires time.Time) (bool, error) {
	added, err := s.q.AddOAuthAssertion(ctx, db.AddOAuthAssertionParams{TenantID: tenant, ClientID: clientID, Hash: hashOf(id), ExpiresAt: expires.UTC()})
	if err != nil {
		return false, fmt.Errorf("noting an assertion: %w", err)
	}
	return added == 1, nil
}

// inTx runs fn in a transaction. An error of fn that is to be kept in spite of
// what it wrote is returned through the closure, not by it.
func (s *Store) inTx(ctx context.Context, fn func(q *db.Queries) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return fn(s.q.WithTx(tx)) })
}

func fromRow(r db.OauthGrant) Grant {
	return Grant{
		ID: r.ID, ClientID: r.ClientID, User: r.UserID, Session: r.SessionID, Scope: strings.Fields(r.Scope), Nonce: r.Nonce,
		AuthTime: r.AuthTime.UTC(), CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), Revoked: r.RevokedAt != nil,
	}
}

func unknown(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrUnknown
	}
	return fmt.Errorf("grants: %w", err)
}

// newSecret returns 32 random bytes as text.
func newSecret() string {
	secret := make([]byte, 32)
	rand.Read(secret)
	return base64.RawURLEncoding.EncodeToString(secret)
}

// hashOf is for texts with the entropy of a key.
func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
