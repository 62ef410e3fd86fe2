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

// ErrSessionUnknown is returned for a token whose session has ended or never
// was.
var ErrSessionUnknown = errors.New("the session is not known")

// extendEvery bounds how often a session that is in use is written.
const extendEvery = time.Minute

// BrowserSession is a browser that is signed in.
type BrowserSession struct {
	ID, User uuid.UUID
	AuthTime time.Time // of the sign-in
	// ExpiresAt is when it ends if it is not used before.
	ExpiresAt time.Time
}

// OpenSession returns the token for the cookie of a session, which ends when it
// is not used for idle, and in any case after absolute.
func (s *Store) OpenSession(ctx context.Context, session, user uuid.UUID, idle, absolute time.Duration) (string, error) {
	secret := make([]byte, randomBytes)
	rand.Read(secret)
	now := s.now()
	err := s.queries.AddBrowserSession(ctx, db.AddBrowserSessionParams{
		TenantID: systemTenant, Hash: s.sessionHash(secret), ID: session, UserID: user, IdleMs: idle.Milliseconds(),
		CreatedAt: now, ExpiresAt: now.Add(min(idle, absolute)), EndsAt: now.Add(absolute),
	})
	if err != nil {
		return "", fmt.Errorf("storing session %s: %w", session, err)
	}
	return base64.RawURLEncoding.EncodeToString(secret), nil
}

// SessionByToken returns the session of a cookie and puts its end off.
func (s *Store) SessionByToken(ctx context.Context, token string) (BrowserSession, error) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(secret) != randomBytes || len(token) != base64.RawURLEncoding.EncodedLen(randomBytes) {
		return BrowserSession{}, ErrSessionUnknown
	}
	hash, now := s.sessionHash(secret), s.now()
	row, err := s.queries.BrowserSession(ctx, db.BrowserSessionParams{TenantID: systemTenant, Hash: hash, Now: now})
	if errors.Is(err, pgx.ErrNoRows) {
		return BrowserSession{}, ErrSessionUnknown
	}
	if err != nil {
		return BrowserSession{}, fmt.Errorf("reading a session: %w", err)
	}
	session := BrowserSession{ID: row.ID, User: row.UserID, AuthTime: row.CreatedAt, ExpiresAt: row.ExpiresAt}
	if now.Sub(row.SeenAt) < extendEvery {
		return session, nil
	}
	session.ExpiresAt = now.Add(time.Duration(row.IdleMs) * time.Millisecond)
	if row.EndsAt.Before(session.ExpiresAt) {
		session.ExpiresAt = row.EndsAt
	}
	err = s.queries.ExtendBrowserSession(ctx, db.ExtendBrowserSessionParams{
		TenantID: systemTenant, Hash: hash, Now: now, ExpiresAt: session.ExpiresAt,
	})
	if err != nil {
		return BrowserSession{}, fmt.Errorf("extending session %s: %w", row.ID, err)
	}
	return session, nil
}

func (s *Store) sessionHash(secret []byte) []byte { return s.digest("session", secret) }
