package credentials

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

var (
	// ErrPasskeyTaken is returned for a key that is stored already, for whomever.
	ErrPasskeyTaken = errors.New("the passkey is stored already")
	// ErrPasskeyCloned is returned for a key whose counter did not go up: somebody
	// has a copy of it. It signs nobody in from then on.
	ErrPasskeyCloned = errors.New("the passkey has been copied")
)

// Passkey is a public key of a user's, as its authenticator presented it.
type Passkey struct {
	ID           uuid.UUID // by which events name it
	CredentialID []byte    // by which the authenticator names it
	Record       []byte    // what is needed to verify its signatures, in the caller's form
	SignCount    uint32
	Cloned       bool
	LastUsedAt   time.Time // zero: never
}

// StorePasskey stores a user's key, whose ID an event is to name. It goes again by
// itself unless one does.
func (s *Store) StorePasskey(ctx context.Context, user uuid.UUID, k Passkey) error {
	now := s.now()
	rows, err := s.queries.AddPasskeyCredential(ctx, db.AddPasskeyCredentialParams{
		TenantID: systemTenant, UserID: user, ID: k.ID, CredentialID: k.CredentialID,
		Wrapped:   s.wrap.Seal(nil, nil, k.Record, factorRow("passkey", user, k.ID)),
		SignCount: int64(k.SignCount), CreatedAt: now, DeleteAfter: now.Add(unnamedFor),
	})
	if err != nil {
		return fmt.Errorf("storing passkey %s: %w", k.ID, err)
	}
	if rows == 0 {
		return ErrPasskeyTaken
	}
	return nil
}

// DropPasskey removes a key whose command was refused.
func (s *Store) DropPasskey(ctx context.Context, user, id uuid.UUID) error {
	return s.queries.DropPasskeyCredential(ctx, db.DropPasskeyCredentialParams{TenantID: systemTenant, UserID: user, ID: id})
}

// Passkeys returns all stored keys of a user. Those count that the user's events
// name.
func (s *Store) Passkeys(ctx context.Context, user uuid.UUID) ([]Passkey, error) {
	rows, err := s.queries.PasskeyCredentials(ctx, db.PasskeyCredentialsParams{TenantID: systemTenant, UserID: user})
	if err != nil {
		return nil, fmt.Errorf("reading the passkeys of %s: %w", user, err)
	}
	keys := make([]Passkey, len(rows))
	for i, r := range rows {
		record, err := s.wrap.Open(nil, nil, r.Wrapped, factorRow("passkey", user, r.ID))
		if err != nil {
			return nil, fmt.Errorf("passkey %s does not open with this server's key: %w", r.ID, err)
		}
		keys[i] = Passkey{ID: r.ID, CredentialID: r.CredentialID, Record: record, SignCount: uint32(r.SignCount), Cloned: r.ClonedAt != nil}
		if r.LastUsedAt != nil {
			keys[i].LastUsedAt = r.LastUsedAt.UTC()
		}
	}
	return keys, nil
}

// UsePasskey notes that a key has signed somebody in, and what its authenticator
// counted. ErrPasskeyCloned says that it must not count.
func (s *Store) UsePasskey(ctx context.Context, user, id uuid.UUID, signCount uint32) error {
	now := s.now()
	rows, err := s.queries.UsePasskeyCredential(ctx, db.UsePasskeyCredentialParams{
		TenantID: systemTenant, UserID: user, ID: id, SignCount: int64(signCount), Now: now,
	})
	if err != nil {
		return fmt.Errorf("using passkey %s: %w", id, err)
	}
	if rows > 0 {
		return nil
	}
	if err := s.queries.MarkPasskeyCloned(ctx, db.MarkPasskeyClonedParams{TenantID: systemTenant, UserID: user, ID: id, Now: now}); err != nil {
		return fmt.Errorf("marking passkey %s as copied: %w", id, err)
	}
	return ErrPasskeyCloned
}

// SpendChallenge reports whether a challenge is answered for the first time. It is
// remembered until then, when it must have expired.
func (s *Store) SpendChallenge(ctx context.Context, challenge []byte, until time.Time) (bool, error) {
	rows, err := s.queries.SpendChallenge(ctx, db.SpendChallengeParams{
		TenantID: systemTenant, Hash: s.digest("challenge", challenge), DeleteAfter: until,
	})
	if err != nil {
		return false, fmt.Errorf("spending a challenge: %w", err)
	}
	return rows == 1, nil
}
