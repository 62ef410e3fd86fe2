package grants

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// IssueRefresh makes the first refresh token of a grant.
func (s *Store) IssueRefresh(ctx context.Context, g Grant) (token string, err error) {
	token = newSecret()
	return token, s.addRefresh(ctx, s.q, token, g, g.MemberOf, s.now())
}

func (s *Store) addRefresh(ctx context.Context, q *db.Queries, token string, g Grant, memberOf uuid.UUID, now time.Time) error {
	expires := now.Add(RefreshIdle)
	if expires.After(g.ExpiresAt) {
		expires = g.ExpiresAt
	}
	err := q.AddOAuthRefreshToken(ctx, db.AddOAuthRefreshTokenParams{
		TenantID: tenant, Hash: hashOf(token), GrantID: g.ID, MemberOf: memberOf, CreatedAt: now, ExpiresAt: expires,
	})
	if err != nil {
		return fmt.Errorf("storing a refresh token: %w", err)
	}
	return nil
}

// PeekRefresh returns the grant of a refresh token that was not replaced, or not
// for long, so that the caller can decide before it is.
func (s *Store) PeekRefresh(ctx context.Context, token, clientID string) (Grant, error) {
	row, err := s.q.OAuthRefreshToken(ctx, db.OAuthRefreshTokenParams{TenantID: tenant, Hash: hashOf(token)})
	if err != nil {
		return Grant{}, unknown(err)
	}
	now := s.now()
	g, err := liveGrant(ctx, s.q, row.GrantID, now)
	if err != nil {
		return g, err
	}
	if g.ClientID != clientID {
		return Grant{}, ErrMismatch
	}
	if !now.Before(row.ExpiresAt) {
		return g, ErrUnknown
	}
	if row.ReplacedAt != nil && !now.Before(row.ReplacedAt.Add(graceFor)) {
		return Grant{}, s.because(ctx, g.ID, "refresh token used twice", ErrReplayed)
	}
	g.MemberOf = row.MemberOf
	return g, nil
}

// Rotate replaces a refresh token. Whoever presents it again within seconds gets
// the same successor, as long as that was not replaced itself; anybody later has
// a copy of what was stolen, and the grant is revoked.
func (s *Store) Rotate(ctx context.Context, token, clientID string, memberOf uuid.UUID) (successor string, err error) {
	var happened error
	var grant uuid.UUID
	err = s.inTx(ctx, func(q *db.Queries) error {
		row, err := q.LockOAuthRefreshToken(ctx, db.LockOAuthRefreshTokenParams{TenantID: tenant, Hash: hashOf(token)})
		if err != nil {
			return unknown(err)
		}
		now := s.now()
		grant = row.GrantID
		g, err := liveGrant(ctx, q, row.GrantID, now)
		if err != nil {
			return err
		}
		if g.ClientID != clientID {
			return ErrMismatch
		}
		if !now.Before(row.ExpiresAt) {
			return ErrUnknown
		}
		if row.ReplacedAt != nil {
			if row.SuccessorSealed == nil || !now.Before(row.ReplacedAt.Add(graceFor)) {
				happened = ErrReplayed
				return nil
			}
			successor, err = openSuccessor(token, row.SuccessorSealed)
			return err
		}
		successor = newSecret()
		return s.replace(ctx, q, row, g, token, successor, memberOf, now)
	})
	if err != nil {
		return "", err
	}
	if happened != nil {
		return "", s.because(ctx, grant, "refresh token used twice", happened)
	}
	return successor, nil
}

func (s *Store) replace(ctx context.Context, q *db.Queries, row db.OauthRefreshToken, g Grant, token, successor string, memberOf uuid.UUID, now time.Time) error {
	sealed, err := sealSuccessor(token, successor)
	if err != nil {
		return err
	}
	if err := s.addRefresh(ctx, q, successor, g, memberOf, now); err != nil {
		return err
	}
	if err := useConsent(ctx, q, g.User, g.ClientID, memberOf, nil, now); err != nil {
		return err
	}
	err = q.ReplaceOAuthRefreshToken(ctx, db.ReplaceOAuthRefreshTokenParams{
		TenantID: tenant, Hash: row.Hash, Now: now, Successor: hashOf(successor), Sealed: sealed,
	})
	if err != nil {
		return fmt.Errorf("replacing a refresh token: %w", err)
	}
	err = q.ForgetOAuthSuccessor(ctx, db.ForgetOAuthSuccessorParams{TenantID: tenant, GrantID: row.GrantID, Successor: row.Hash})
	if err != nil {
		return fmt.Errorf("forgetting a successor: %w", err)
	}
	return nil
}

// GrantOfRefresh returns the grant of any refresh token that was ever issued to
// the client and still lives, for revocation and introspection.
func (s *Store) GrantOfRefresh(ctx context.Context, token, clientID string) (g Grant, current bool, err error) {
	row, err := s.q.OAuthRefreshToken(ctx, db.OAuthRefreshTokenParams{TenantID: tenant, Hash: hashOf(token)})
	if err != nil {
		return Grant{}, false, unknown(err)
	}
	now := s.now()
	if g, err = liveGrant(ctx, s.q, row.GrantID, now); err != nil {
		return g, false, err
	}
	if g.ClientID != clientID {
		return Grant{}, false, ErrMismatch
	}
	g.MemberOf = row.MemberOf
	if row.ExpiresAt.Before(g.ExpiresAt) {
		g.ExpiresAt = row.ExpiresAt.UTC()
	}
	return g, row.ReplacedAt == nil && now.Before(row.ExpiresAt), nil
}

// The successor is sealed with a key that is derived from the replaced token,
// which is not stored: the database alone never yields a token. Each key seals
// once.
func successorKey(token string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "tansu refresh successor", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func sealSuccessor(token, successor string) ([]byte, error) {
	aead, err := successorKey(token)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, []byte(successor), nil), nil
}

func openSuccessor(token string, sealed []byte) (string, error) {
	aead, err := successorKey(token)
	if err != nil {
		return "", err
	}
	successor, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return "", fmt.Errorf("a successor does not open: %w", err)
	}
	return string(successor), nil
}
