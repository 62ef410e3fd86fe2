package credentials

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

const (
	secretPrefix         = "tss_"
	serviceAccountPrefix = "tsa_"
	// liveSecrets is how many secrets of an owner verify at a time: the newest
	// and, for a while, the one before it.
	liveSecrets = 2
)

// NewSecret makes the secret of an OAuth client or service account:
// tss_<32 random bytes>_<checksum>.
func NewSecret() string {
	secret := make([]byte, randomBytes)
	rand.Read(secret)
	return sign62(secretPrefix + encode62(secret, width32))
}

// StoreSecret stores an owner's new secret under an id that an event is to name.
// It verifies from KeepSecret on; without that it goes again by itself.
func (s *Store) StoreSecret(ctx context.Context, tenant, owner, id uuid.UUID, text string) error {
	now := s.now()
	err := s.queries.AddClientSecret(ctx, db.AddClientSecretParams{
		TenantID: tenant, OwnerID: owner, ID: id, Hash: s.secretHash(tenant, owner, text),
		CreatedAt: now, DeleteAfter: now.Add(unnamedFor),
	})
	if err != nil {
		return fmt.Errorf("storing secret %s: %w", id, err)
	}
	return nil
}

// KeepSecret is called when the event at a position has named the secret, which
// counts at once then.
func (s *Store) KeepSecret(ctx context.Context, tenant, owner, id uuid.UUID, position int64) error {
	rows, err := s.queries.KeepClientSecret(ctx, db.KeepClientSecretParams{TenantID: tenant, OwnerID: owner, ID: id, Position: position})
	return kept("secret", id, rows, err)
}

// DropSecret removes a secret whose command was refused.
func (s *Store) DropSecret(ctx context.Context, tenant, owner, id uuid.UUID) error {
	return s.queries.DropClientSecret(ctx, db.DropClientSecretParams{TenantID: tenant, OwnerID: owner, ID: id})
}

// RetireSecrets lets the secrets that were named before a position verify until then
// and no longer. In which order they were made says nothing: of two rotations at
// once, the one that began first may be the one that counts.
func (s *Store) RetireSecrets(ctx context.Context, tenant, owner uuid.UUID, position int64, until time.Time) error {
	return s.queries.RetireClientSecretsBefore(ctx, db.RetireClientSecretsBeforeParams{
		TenantID: tenant, Owners: []uuid.UUID{owner}, Positions: []int64{position}, Untils: []time.Time{until},
	})
}

// VerifySecret reports whether this is one of the owner's live secrets.
func (s *Store) VerifySecret(ctx context.Context, tenant, owner uuid.UUID, text string) (bool, error) {
	if _, err := unsign62(text); err != nil {
		return false, nil
	}
	stored, err := s.queries.ClientSecrets(ctx, db.ClientSecretsParams{
		TenantID: tenant, OwnerID: owner, Now: s.now(), MaxRows: liveSecrets,
	})
	if err != nil {
		return false, fmt.Errorf("reading the secrets of %s: %w", owner, err)
	}
	hash, same := s.secretHash(tenant, owner, text), 0
	for _, one := range stored {
		same |= subtle.ConstantTimeCompare(one, hash)
	}
	return same == 1, nil
}

func (s *Store) secretHash(tenant, owner uuid.UUID, text string) []byte {
	return s.digest("secret", []byte(text), tenant, owner)
}

// ServiceAccountClientID returns the OAuth client id of a service account.
func ServiceAccountClientID(tenant, id uuid.UUID) string {
	return serviceAccountPrefix + encode62(append(tenant[:], id[:]...), width32)
}

// ParseServiceAccountClientID is its reverse: ErrMalformed for anything else.
func ParseServiceAccountClientID(text string) (tenant, id uuid.UUID, err error) {
	rest, ours := strings.CutPrefix(text, serviceAccountPrefix)
	if !ours {
		return tenant, id, ErrMalformed
	}
	ids, err := decode62(rest, 32, width32)
	if err != nil {
		return tenant, id, err
	}
	return uuid.UUID(ids[:16]), uuid.UUID(ids[16:]), nil
}
