// Package clients is the read model of OAuth clients: its projection folds the
// client streams of the system tenant's log into one row per client that is not
// deleted, and [Directory] answers queries from them.
package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/identity/client"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql"
	"tansu.cloud/sql/db"
)

// Name of the projection.
const Name = "clients"

// Statuses of clients.
const (
	StatusEnabled  = string(client.StatusEnabled)
	StatusDisabled = string(client.StatusDisabled)
)

// New returns the projection.
func New() projections.Projection {
	return projections.Projection{
		Name: Name, Version: 1, DDL: sql.OAuthClients, Tables: []string{"oauth_clients"}, Apply: apply, Types: projections.TypesOf(client.Events()),
	}
}

type row = db.OauthClient

func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	q := db.New(tx)
	return fold.Rows[uuid.UUID, row]{
		Key:   uuid.Parse,
		KeyOf: func(r row) uuid.UUID { return r.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]row, error) {
			return q.OAuthClientRows(ctx, db.OAuthClientRowsParams{TenantID: eventstore.SystemTenant, Ids: ids})
		},
		Fold:  foldClient,
		Write: func(ctx context.Context, rows []*row) error { return q.UpsertOAuthClients(ctx, columns(rows)) },
		Delete: func(ctx context.Context, ids []uuid.UUID) error {
			return q.DeleteOAuthClients(ctx, db.DeleteOAuthClientsParams{TenantID: eventstore.SystemTenant, Ids: ids})
		},
	}.Apply(ctx, changes)
}

func foldClient(r *row, id uuid.UUID, c projections.Change) (*row, error) {
	if registered, first := c.Payload.(client.Registered); first {
		r = &row{
			ID: id, Type: string(registered.Type), TokenEndpointAuth: string(registered.TokenEndpointAuth), Status: StatusEnabled,
			SecretID: registered.SecretID, CreatedAt: registered.At,
		}
	}
	if r == nil {
		return nil, fold.ErrUnknown
	}
	r.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case client.Registered:
		r.UpdatedAt = e.At
		describe(r, e.Profile)
	case client.Changed:
		r.UpdatedAt = e.At
		describe(r, e.Profile)
	case client.SecretRotated:
		r.PreviousSecretID, r.PreviousUntil = r.SecretID, e.PreviousUntil
		r.SecretID, r.UpdatedAt = e.SecretID, e.At
	case client.Disabled:
		r.Status, r.DisabledReason, r.UpdatedAt = StatusDisabled, e.Reason, e.At
	case client.Enabled:
		r.Status, r.DisabledReason, r.UpdatedAt = StatusEnabled, "", e.At
	case client.Deleted:
		return nil, nil
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return r, nil
}

func describe(r *row, p client.Profile) {
	r.Name, r.FirstParty, r.Jwks = p.Name, p.FirstParty, string(p.JWKS)
	r.RedirectUris, r.PostLogoutRedirectUris = fold.List(p.RedirectURIs), fold.List(p.PostLogoutRedirectURIs)
	r.Grants, r.Scopes = fold.List(p.Grants), fold.List(p.Scopes)
}

func columns(rows []*row) db.UpsertOAuthClientsParams {
	return db.UpsertOAuthClientsParams{
		TenantID:               eventstore.SystemTenant,
		Ids:                    fold.Column(rows, func(r *row) uuid.UUID { return r.ID }),
		Names:                  fold.Column(rows, func(r *row) string { return r.Name }),
		Types:                  fold.Column(rows, func(r *row) string { return r.Type }),
		RedirectUris:           fold.Column(rows, func(r *row) json.RawMessage { return r.RedirectUris }),
		PostLogoutRedirectUris: fold.Column(rows, func(r *row) json.RawMessage { return r.PostLogoutRedirectUris }),
		Grants:                 fold.Column(rows, func(r *row) json.RawMessage { return r.Grants }),
		TokenEndpointAuths:     fold.Column(rows, func(r *row) string { return r.TokenEndpointAuth }),
		Jwks:                   fold.Column(rows, func(r *row) string { return r.Jwks }),
		Scopes:                 fold.Column(rows, func(r *row) json.RawMessage { return r.Scopes }),
		FirstParty:             fold.Column(rows, func(r *row) bool { return r.FirstParty }),
		Statuses:               fold.Column(rows, func(r *row) string { return r.Status }),
		Reasons:                fold.Column(rows, func(r *row) string { return r.DisabledReason }),
		SecretIds:              fold.Column(rows, func(r *row) string { return r.SecretID }),
		PreviousSecretIds:      fold.Column(rows, func(r *row) string { return r.PreviousSecretID }),
		PreviousUntils:         fold.Column(rows, func(r *row) time.Time { return r.PreviousUntil }),
		Versions:               fold.Column(rows, func(r *row) int64 { return r.Version }),
		Created:                fold.Column(rows, func(r *row) time.Time { return r.CreatedAt }),
		Updated:                fold.Column(rows, func(r *row) time.Time { return r.UpdatedAt }),
	}
}
