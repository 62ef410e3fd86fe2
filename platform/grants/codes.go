package grants

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// Approval is a request that a user said yes to.
type Approval struct {
	ClientID    string
	User        uuid.UUID
	Session     uuid.UUID
	MemberOf    uuid.UUID
	Scope       []string
	Nonce       string
	AuthTime    time.Time
	RedirectURI string
	Challenge   string // PKCE, S256
	// Agreed is what the user's consent must cover at the moment of the grant; empty:
	// none is needed.
	Agreed []string
}

// IssueCode makes a grant and the code that yields its tokens: ErrNotConsented if
// the user has withdrawn what the approval rests on.
func (s *Store) IssueCode(ctx context.Context, a Approval) (code string, err error) {
	code = newSecret()
	now := s.now()
	err = s.inTx(ctx, func(q *db.Queries) error {
		id, err := s.addGrant(ctx, q, a, now)
		if err != nil {
			return err
		}
		return q.AddOAuthCode(ctx, db.AddOAuthCodeParams{
			TenantID: tenant, Hash: hashOf(code), GrantID: id, ClientID: a.ClientID,
			RedirectUri: a.RedirectURI, Challenge: a.Challenge, MemberOf: a.MemberOf, ExpiresAt: now.Add(CodeLife),
		})
	})
	if err != nil {
		return "", fmt.Errorf("issuing a code: %w", err)
	}
	return code, nil
}

func (s *Store) addGrant(ctx context.Context, q *db.Queries, a Approval, now time.Time) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, err
	}
	if err := useConsent(ctx, q, a.User, a.ClientID, a.MemberOf, a.Agreed, now); err != nil {
		return id, err
	}
	return id, q.AddOAuthGrant(ctx, db.AddOAuthGrantParams{
		TenantID: tenant, ID: id, ClientID: a.ClientID, UserID: a.User, SessionID: a.Session,
		Scope: strings.Join(a.Scope, " "), Nonce: a.Nonce, AuthTime: a.AuthTime, CreatedAt: now, ExpiresAt: now.Add(RefreshLife),
	})
}

// Redemption is what a client presents with a code.
type Redemption struct {
	Code, ClientID, RedirectURI, Verifier string
}

// RedeemCode uses a code up. One that comes a second time, or with the wrong
// verifier or redirect URI, has leaked: its grant is revoked. Another client
// than the one it was issued to learns nothing and spoils nothing.
func (s *Store) RedeemCode(ctx context.Context, r Redemption) (Grant, error) {
	code, err := s.q.OAuthCode(ctx, db.OAuthCodeParams{TenantID: tenant, Hash: hashOf(r.Code)})
	if err != nil {
		return Grant{}, unknown(err)
	}
	if code.ClientID != r.ClientID {
		return Grant{}, ErrMismatch
	}
	g, first, err := s.useCode(ctx, code)
	switch {
	case err != nil:
		return Grant{}, err
	case !first:
		return Grant{}, s.because(ctx, code.GrantID, "code used twice", ErrReplayed)
	case code.RedirectUri != r.RedirectURI || !proves(r.Verifier, code.Challenge):
		return Grant{}, s.because(ctx, code.GrantID, "code presented without proof", ErrMismatch)
	case g.Revoked || !s.now().Before(code.ExpiresAt):
		return Grant{}, ErrUnknown
	}
	g.MemberOf = code.MemberOf
	return g, nil
}

// useCode reads the grant as the first one who uses the code finds it. Whoever
// comes second, even at the same moment, finds the code used only after that.
func (s *Store) useCode(ctx context.Context, code db.OauthCode) (g Grant, first bool, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		used, err := q.UseOAuthCode(ctx, db.UseOAuthCodeParams{TenantID: tenant, Hash: code.Hash, Now: s.now()})
		if err != nil {
			return fmt.Errorf("using a code: %w", err)
		}
		if first = used == 1; !first {
			return nil
		}
		row, err := q.OAuthGrant(ctx, db.OAuthGrantParams{TenantID: tenant, ID: code.GrantID})
		if err != nil {
			return unknown(err)
		}
		g = fromRow(row)
		return nil
	})
	return g, first, err
}

// revokeTime bounds a revocation that goes on after its caller went away.
const revokeTime = 10 * time.Second

// because revokes a grant for what happened to it, also if the one who caused it
// does not wait for the answer.
func (s *Store) because(ctx context.Context, id uuid.UUID, reason string, happened error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	if err := s.Revoke(ctx, id, reason); err != nil {
		return err
	}
	return happened
}

// proves checks a PKCE verifier (RFC 7636, S256 only).
func proves(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}
