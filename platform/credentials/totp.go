package credentials

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"tansu.cloud/sql/db"
)

// What every authenticator app can do (RFC 6238): six digits of HMAC-SHA1, a new
// code each 30 seconds. Codes of the step before and of the one after count too.
const (
	TOTPDigits = 6
	TOTPPeriod = 30 * time.Second

	totpSecretBytes = 20
	totpSkew        = 1
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewTOTPSecret makes a secret for an authenticator app, in base32.
func NewTOTPSecret() string {
	secret := make([]byte, totpSecretBytes)
	rand.Read(secret)
	return base32Text.EncodeToString(secret)
}

// StoreTOTP stores the secret of a user's authenticator app under an id that an
// event is to name, if the app shows the right code now: whoever is asked for
// codes can make some. It goes again by itself unless one does.
func (s *Store) StoreTOTP(ctx context.Context, user, id uuid.UUID, secret, code string) (bool, error) {
	now := s.now()
	step, right, err := matchTOTP(secret, code, now, -1)
	if err != nil || !right {
		return false, err
	}
	err = s.queries.AddTOTPSecret(ctx, db.AddTOTPSecretParams{
		TenantID: systemTenant, UserID: user, ID: id, Wrapped: s.wrap.Seal(nil, nil, []byte(secret), factorRow("totp", user, id)),
		LastStep: step, CreatedAt: now, DeleteAfter: now.Add(unnamedFor),
	})
	if err != nil {
		return false, fmt.Errorf("storing authenticator secret %s: %w", id, err)
	}
	return true, nil
}

// DropTOTP removes a secret whose command was refused.
func (s *Store) DropTOTP(ctx context.Context, user, id uuid.UUID) error {
	return s.queries.DropTOTPSecret(ctx, db.DropTOTPSecretParams{TenantID: systemTenant, UserID: user, ID: id})
}

// VerifyTOTP reports whether the code is one of the user's app, by the id of its
// secret that the user's events name. A code counts once, and none counts that is
// older than one that did; of several callers at once one succeeds.
func (s *Store) VerifyTOTP(ctx context.Context, user, id uuid.UUID, code string) (bool, error) {
	row, err := s.queries.TOTPSecret(ctx, db.TOTPSecretParams{TenantID: systemTenant, UserID: user, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading authenticator secret %s: %w", id, err)
	}
	secret, err := s.wrap.Open(nil, nil, row.Wrapped, factorRow("totp", user, id))
	if err != nil {
		return false, fmt.Errorf("authenticator secret %s does not open with this server's key: %w", id, err)
	}
	step, right, err := matchTOTP(string(secret), code, s.now(), row.LastStep)
	if err != nil || !right {
		return false, err
	}
	rows, err := s.queries.UseTOTPStep(ctx, db.UseTOTPStepParams{TenantID: systemTenant, UserID: user, ID: id, Step: step})
	if err != nil {
		return false, fmt.Errorf("using a code of authenticator secret %s: %w", id, err)
	}
	return rows > 0, nil
}

// matchTOTP finds the step after a given one in which the app shows a code.
func matchTOTP(secret, code string, now time.Time, after int64) (step int64, right bool, err error) {
	code = strings.ReplaceAll(code, " ", "")
	current := now.Unix() / int64(TOTPPeriod/time.Second)
	for at := current - totpSkew; at <= current+totpSkew; at++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(at), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, fmt.Errorf("making a code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && at > after {
			step, right = at, true
		}
	}
	return step, right, nil
}

// factorRow ties what is wrapped to its row and to what it is.
func factorRow(kind string, user, id uuid.UUID) []byte {
	return append(passwordRow(user, id), kind...)
}
