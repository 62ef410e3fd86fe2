package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/sql/db"
)

// Identity is who a user is at a tenant's own identity provider.
type Identity struct {
	Index    string // keyed hash of tenant, issuer and subject
	UserID   uuid.UUID
	Tenant   uuid.UUID
	Provider uuid.UUID
	Issuer   string
	LinkedAt time.Time
}

// IdentityByIndex finds whose an identity is.
func (d *Directory) IdentityByIndex(ctx context.Context, index string) (Identity, error) {
	row, err := d.queries.IdentityByIndex(ctx, db.IdentityByIndexParams{TenantID: eventstore.SystemTenant, Index: index})
	if errors.Is(err, pgx.ErrNoRows) {
		return Identity{}, ErrNotFound
	}
	if err != nil {
		return Identity{}, fmt.Errorf("identities: %w", err)
	}
	return identityFromRow(row), nil
}

// Identities lists the identities of a user, in the order in which they were
// linked.
func (d *Directory) Identities(ctx context.Context, of uuid.UUID) ([]Identity, error) {
	rows, err := d.queries.IdentitiesOfUser(ctx, db.IdentitiesOfUserParams{TenantID: eventstore.SystemTenant, UserID: of, MaxRows: user.MaxIdentities})
	if err != nil {
		return nil, fmt.Errorf("identities: %w", err)
	}
	list := make([]Identity, len(rows))
	for i, r := range rows {
		list[i] = identityFromRow(r)
	}
	return list, nil
}

func identityFromRow(r db.Identity) Identity {
	return Identity{r.Index, r.UserID, r.OfTenant, r.ProviderID, r.Issuer, r.LinkedAt.UTC()}
}

// applyIdentities keeps the table of identities. There are few events about them.
func applyIdentities(ctx context.Context, q *db.Queries, changes []projections.Change) error {
	for _, c := range changes {
		var err error
		switch e := c.Payload.(type) {
		case user.IdentityLinked:
			row := db.UpsertIdentityParams{TenantID: eventstore.SystemTenant, Index: e.Index, Issuer: e.Issuer, LinkedAt: e.At}
			if row.UserID, err = uuid.Parse(e.UserID); err != nil {
				break
			}
			if row.OfTenant, err = uuid.Parse(e.TenantID); err != nil {
				break
			}
			if row.ProviderID, err = uuid.Parse(e.ProviderID); err != nil {
				break
			}
			err = q.UpsertIdentity(ctx, row)
		case user.IdentityUnlinked:
			err = q.DeleteIdentity(ctx, db.DeleteIdentityParams{TenantID: eventstore.SystemTenant, Index: e.Index})
		}
		if err != nil {
			return fmt.Errorf("stream %s: %w", c.Event.Stream, err)
		}
	}
	return nil
}
