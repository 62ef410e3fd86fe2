package credentials

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// StoreProviderSecret stores the client secret of a tenant's identity provider
// under an id that an event is to name. Without that it goes again by itself.
func (s *Store) StoreProviderSecret(ctx context.Context, tenant, provider, id uuid.UUID, secret string) error {
	now := s.now()
	err := s.queries.AddProviderSecret(ctx, db.AddProviderSecretParams{
		TenantID: tenant, ProviderID: provider, ID: id, Wrapped: s.wrap.Seal(nil, nil, []byte(secret), providerRow(tenant, provider, id)),
		CreatedAt: now, DeleteAfter: now.Add(unnamedFor),
	})
	if err != nil {
		return fmt.Errorf("storing the secret of identity provider %s: %w", provider, err)
	}
	return nil
}

// DropProviderSecret removes a secret whose command was refused.
func (s *Store) DropProviderSecret(ctx context.Context, tenant, provider, id uuid.UUID) error {
	return s.queries.DropProviderSecret(ctx, db.DropProviderSecretParams{TenantID: tenant, ProviderID: provider, ID: id})
}

// ProviderSecret returns the client secret that a provider's events name:
// ErrNotStored if there is none.
func (s *Store) ProviderSecret(ctx context.Context, tenant, provider, id uuid.UUID) (string, error) {
	wrapped, err := s.queries.ProviderSecret(ctx, db.ProviderSecretParams{TenantID: tenant, ProviderID: provider, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrNotStored
	}
	if err != nil {
		return "", fmt.Errorf("reading the secret of identity provider %s: %w", provider, err)
	}
	secret, err := s.wrap.Open(nil, nil, wrapped, providerRow(tenant, provider, id))
	if err != nil {
		return "", fmt.Errorf("the secret of identity provider %s does not open with this server's key: %w", provider, err)
	}
	return string(secret), nil
}

// providerRow ties what is wrapped to its row and to what it is.
func providerRow(tenant, provider, id uuid.UUID) []byte {
	row := append([]byte("identity provider "), tenant[:]...)
	return append(append(row, provider[:]...), id[:]...)
}

func (s *Store) cleanProviderSecrets(ctx context.Context, now time.Time) error {
	return cleanUp(now, "secrets of identity providers",
		func(before time.Time) ([]db.OldProviderSecretsRow, error) {
			return s.queries.OldProviderSecrets(ctx, db.OldProviderSecretsParams{Before: before, MaxRows: cleanBatch})
		},
		func(r db.OldProviderSecretsRow) (uuid.UUID, uuid.UUID) { return r.TenantID, r.ID },
		func(tenant uuid.UUID, ids []uuid.UUID, before time.Time) (int64, error) {
			return s.queries.DeleteOldProviderSecrets(ctx, db.DeleteOldProviderSecretsParams{TenantID: tenant, Ids: ids, Before: before})
		})
}
