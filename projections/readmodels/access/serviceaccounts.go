package access

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// ServiceAccount is a program in a tenant.
type ServiceAccount struct {
	ID               uuid.UUID
	Name             string
	Roles            []string
	Status           string
	DisabledReason   string
	SecretID         string    // empty: none
	PreviousSecretID string    // empty: none
	PreviousUntil    time.Time // to when the previous one counts too
	CreatedBy        string    // an actor
	Version          int64     // of the account's stream
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// ServiceAccount finds a service account of a tenant.
func (d *Directory) ServiceAccount(ctx context.Context, tenant, id uuid.UUID) (ServiceAccount, error) {
	row, err := d.queries.ServiceAccountByID(ctx, db.ServiceAccountByIDParams{TenantID: tenant, ID: id})
	return one(row, err, serviceAccountFromRow)
}

// ServiceAccounts lists the service accounts of a tenant that an actor made, or all if
// none is named, oldest first.
func (d *Directory) ServiceAccounts(ctx context.Context, tenant uuid.UUID, createdBy string) ([]ServiceAccount, error) {
	maker, err := page.Filter(createdBy)
	if err != nil {
		return nil, err
	}
	rows, err := d.queries.ListServiceAccounts(ctx, db.ListServiceAccountsParams{TenantID: tenant, CreatedBy: maker, MaxRows: serviceaccount.MaxPerTenant})
	if err != nil {
		return nil, fmt.Errorf("service accounts: %w", err)
	}
	return convertAll(rows, serviceAccountFromRow)
}

func serviceAccountFromRow(r db.ServiceAccount) (ServiceAccount, error) {
	roles, err := names(r.Roles)
	return ServiceAccount{
		ID: r.ID, Name: r.Name, Roles: roles, Status: r.Status, DisabledReason: r.DisabledReason,
		SecretID: r.SecretID, PreviousSecretID: r.PreviousSecretID, PreviousUntil: r.PreviousUntil.UTC(),
		CreatedBy: r.CreatedBy, Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, err
}
