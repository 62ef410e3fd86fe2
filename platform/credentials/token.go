package credentials

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// Purpose is what a one-time token is good for.
type Purpose string

const (
	SignIn        Purpose = "sign_in"
	VerifyEmail   Purpose = "verify_email"
	ResetPassword Purpose = "reset_password"
	Invite        Purpose = "invite"
)

var (
	ErrTokenUnknown = errors.New("the token is not known")
	ErrTokenUsed    = errors.New("the token has been used")
	ErrTokenExpired = errors.New("the token has expired")
)

// explainedFor is how long an expired token answers with ErrTokenExpired or
// ErrTokenUsed before it is unknown.
const explainedFor = 7 * 24 * time.Hour

const tokenBytes = randomBytes + 16

// OneTime is what a token was issued for.
type OneTime struct {
	Tenant, Subject, ID uuid.UUID
	ExpiresAt           time.Time
}

// Issue makes a token that works once. Subject is whom or what it is about, and
// id what its user wants to recognise it by.
func (s *Store) Issue(ctx context.Context, purpose Purpose, tenant, subject, id uuid.UUID, ttl time.Duration) (string, error) {
	secret := make([]byte, randomBytes, tokenBytes)
	rand.Read(secret)
	now := s.now()
	err := s.queries.AddOneTimeToken(ctx, db.AddOneTimeTokenParams{
		TenantID: tenant, Hash: s.tokenHash(purpose, tenant, secret), Purpose: string(purpose),
		Subject: subject, ID: id, CreatedAt: now, ExpiresAt: now.Add(ttl),
	})
	if err != nil {
		return "", fmt.Errorf("storing a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(secret, tenant[:]...)), nil
}

// Peek returns what the token is for and leaves it as it is.
func (s *Store) Peek(ctx context.Context, purpose Purpose, token string) (OneTime, error) {
	tenant, secret, err := parseToken(token)
	if err != nil {
		return OneTime{}, err
	}
	row, err := s.queries.OneTimeToken(ctx, db.OneTimeTokenParams{
		TenantID: tenant, Hash: s.tokenHash(purpose, tenant, secret), Purpose: string(purpose),
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return OneTime{}, ErrTokenUnknown
	case err != nil:
		return OneTime{}, fmt.Errorf("reading a token: %w", err)
	case row.UsedAt != nil:
		return OneTime{}, ErrTokenUsed
	case !row.ExpiresAt.After(s.now()):
		return OneTime{}, ErrTokenExpired
	}
	return OneTime{Tenant: tenant, Subject: row.Subject, ID: row.ID, ExpiresAt: row.ExpiresAt}, nil
}

// Use spends the token. Of several callers at once exactly one succeeds.
func (s *Store) Use(ctx context.Context, purpose Purpose, token string) (OneTime, error) {
	tenant, secret, err := parseToken(token)
	if err != nil {
		return OneTime{}, err
	}
	row, err := s.queries.UseOneTimeToken(ctx, db.UseOneTimeTokenParams{
		TenantID: tenant, Hash: s.tokenHash(purpose, tenant, secret), Purpose: string(purpose), Now: s.now(),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := s.Peek(ctx, purpose, token); err != nil {
			return OneTime{}, err
		}
		return OneTime{}, ErrTokenExpired // the clock was set back in between
	}
	if err != nil {
		return OneTime{}, fmt.Errorf("using a token: %w", err)
	}
	return OneTime{Tenant: tenant, Subject: row.Subject, ID: row.ID, ExpiresAt: row.ExpiresAt}, nil
}

// Revoke forgets the subject's unused tokens of the purpose, as after a password
// was reset through one of several links.
func (s *Store) Revoke(ctx context.Context, purpose Purpose, tenant, subject uuid.UUID) error {
	return s.queries.RevokeOneTimeTokens(ctx, db.RevokeOneTimeTokensParams{
		TenantID: tenant, Subject: subject, Purpose: string(purpose),
	})
}

// parseToken splits a token into its tenant, which statements need, and its
// secret.
func parseToken(token string) (tenant uuid.UUID, secret []byte, err error) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return tenant, nil, ErrTokenUnknown
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != tokenBytes { // the decoder skips line breaks
		return tenant, nil, ErrTokenUnknown
	}
	return uuid.UUID(raw[randomBytes:]), raw[:randomBytes], nil
}

// tokenHash finds the row: being keyed it tells nobody who measures the look-up
// anything about the tokens there are.
func (s *Store) tokenHash(purpose Purpose, tenant uuid.UUID, secret []byte) []byte {
	return s.digest("token "+string(purpose), secret, tenant)
}
