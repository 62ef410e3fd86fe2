package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql/db"
)

func (w writer) apiKeys() fold.Rows[uuid.UUID, db.ApiKey] {
	return fold.Rows[uuid.UUID, db.ApiKey]{
		Key:   uuid.Parse,
		KeyOf: func(r db.ApiKey) uuid.UUID { return r.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]db.ApiKey, error) {
			return w.queries.APIKeyRows(ctx, db.APIKeyRowsParams{TenantID: w.tenant, Ids: ids})
		},
		Fold: foldAPIKey,
		Write: func(ctx context.Context, rows []*db.ApiKey) error {
			return w.queries.UpsertAPIKeys(ctx, db.UpsertAPIKeysParams{
				TenantID:    w.tenant,
				Ids:         fold.Column(rows, func(r *db.ApiKey) uuid.UUID { return r.ID }),
				Names:       fold.Column(rows, func(r *db.ApiKey) string { return r.Name }),
				Permissions: fold.Column(rows, func(r *db.ApiKey) json.RawMessage { return r.Permissions }),
				Hints:       fold.Column(rows, func(r *db.ApiKey) string { return r.Hint }),
				CreatedBy:   fold.Column(rows, func(r *db.ApiKey) string { return r.CreatedBy }),
				Statuses:    fold.Column(rows, func(r *db.ApiKey) string { return r.Status }),
				Reasons:     fold.Column(rows, func(r *db.ApiKey) string { return r.Reason }),
				Expires:     fold.Column(rows, func(r *db.ApiKey) time.Time { return r.ExpiresAt }),
				Versions:    fold.Column(rows, func(r *db.ApiKey) int64 { return r.Version }),
				Created:     fold.Column(rows, func(r *db.ApiKey) time.Time { return r.CreatedAt }),
				Updated:     fold.Column(rows, func(r *db.ApiKey) time.Time { return r.UpdatedAt }),
			})
		},
	}
}

func foldAPIKey(row *db.ApiKey, id uuid.UUID, c projections.Change) (*db.ApiKey, error) {
	if e, ok := c.Payload.(apikey.Created); ok {
		return &db.ApiKey{
			ID: id, Name: e.Name, Permissions: fold.List(e.Permissions), Hint: e.Hint, CreatedBy: e.CreatedBy, Status: APIKeyLive,
			ExpiresAt: e.ExpiresAt, Version: c.Event.Version, CreatedAt: e.At, UpdatedAt: e.At,
		}, nil
	}
	if row == nil {
		return nil, fold.ErrUnknown
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case apikey.Renamed:
		row.Name, row.UpdatedAt = e.Name, e.At
	case apikey.Revoked:
		row.Status, row.Reason, row.UpdatedAt = APIKeyRevoked, e.Reason, e.At
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return row, nil
}

func (w writer) serviceAccounts() fold.Rows[uuid.UUID, db.ServiceAccount] {
	return fold.Rows[uuid.UUID, db.ServiceAccount]{
		Key:   uuid.Parse,
		KeyOf: func(r db.ServiceAccount) uuid.UUID { return r.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]db.ServiceAccount, error) {
			return w.queries.ServiceAccountRows(ctx, db.ServiceAccountRowsParams{TenantID: w.tenant, Ids: ids})
		},
		Fold: foldServiceAccount,
		Write: func(ctx context.Context, rows []*db.ServiceAccount) error {
			return w.queries.UpsertServiceAccounts(ctx, db.UpsertServiceAccountsParams{
				TenantID:          w.tenant,
				Ids:               fold.Column(rows, func(r *db.ServiceAccount) uuid.UUID { return r.ID }),
				Names:             fold.Column(rows, func(r *db.ServiceAccount) string { return r.Name }),
				Roles:             fold.Column(rows, func(r *db.ServiceAccount) json.RawMessage { return r.Roles }),
				Statuses:          fold.Column(rows, func(r *db.ServiceAccount) string { return r.Status }),
				Reasons:           fold.Column(rows, func(r *db.ServiceAccount) string { return r.DisabledReason }),
				SecretIds:         fold.Column(rows, func(r *db.ServiceAccount) string { return r.SecretID }),
				PreviousSecretIds: fold.Column(rows, func(r *db.ServiceAccount) string { return r.PreviousSecretID }),
				PreviousUntils:    fold.Column(rows, func(r *db.ServiceAccount) time.Time { return r.PreviousUntil }),
				CreatedBy:         fold.Column(rows, func(r *db.ServiceAccount) string { return r.CreatedBy }),
				Versions:          fold.Column(rows, func(r *db.ServiceAccount) int64 { return r.Version }),
				Created:           fold.Column(rows, func(r *db.ServiceAccount) time.Time { return r.CreatedAt }),
				Updated:           fold.Column(rows, func(r *db.ServiceAccount) time.Time { return r.UpdatedAt }),
			})
		},
		Delete: func(ctx context.Context, ids []uuid.UUID) error {
			return w.queries.DeleteServiceAccounts(ctx, db.DeleteServiceAccountsParams{TenantID: w.tenant, Ids: ids})
		},
	}
}

func foldServiceAccount(row *db.ServiceAccount, id uuid.UUID, c projections.Change) (*db.ServiceAccount, error) {
	if e, ok := c.Payload.(serviceaccount.Created); ok {
		meta, err := c.Event.Meta()
		return &db.ServiceAccount{
			CreatedBy: meta.Actor,
			ID:        id, Name: e.Name, Roles: fold.List(e.Roles), Status: ServiceAccountEnabled, SecretID: e.SecretID,
			Version: c.Event.Version, CreatedAt: e.At, UpdatedAt: e.At,
		}, err
	}
	if row == nil {
		return nil, fold.ErrUnknown
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case serviceaccount.Changed:
		row.Name, row.Roles, row.UpdatedAt = e.Name, fold.List(e.Roles), e.At
	case serviceaccount.SecretRotated:
		row.PreviousSecretID, row.PreviousUntil = row.SecretID, e.PreviousUntil
		row.SecretID, row.UpdatedAt = e.SecretID, e.At
	case serviceaccount.Disabled:
		row.Status, row.DisabledReason, row.UpdatedAt = ServiceAccountStopped, e.Reason, e.At
	case serviceaccount.Enabled:
		row.Status, row.DisabledReason, row.UpdatedAt = ServiceAccountEnabled, "", e.At
	case serviceaccount.Deleted:
		return nil, nil
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return row, nil
}
