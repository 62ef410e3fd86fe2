package access

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/role"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// Role is a set of permissions that a tenant made.
type Role struct {
	Name        string
	Title       string
	Permissions []string
	Version     int64 // of the role's stream
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Role finds a role that a tenant made.
func (d *Directory) Role(ctx context.Context, tenant uuid.UUID, name string) (Role, error) {
	if !page.Storable(name) {
		return Role{}, ErrNotFound
	}
	row, err := d.queries.RoleByName(ctx, db.RoleByNameParams{TenantID: tenant, Name: name})
	return one(row, err, roleFromRow)
}

// Roles lists the roles that a tenant made, by name.
func (d *Directory) Roles(ctx context.Context, tenant uuid.UUID) ([]Role, error) {
	rows, err := d.queries.ListRoles(ctx, db.ListRolesParams{TenantID: tenant, MaxRows: role.MaxPerTenant})
	if err != nil {
		return nil, fmt.Errorf("roles: %w", err)
	}
	return convertAll(rows, roleFromRow)
}

func roleFromRow(r db.Role) (Role, error) {
	permissions, err := names(r.Permissions)
	return Role{
		Name: r.Name, Title: r.Title, Permissions: permissions, Version: r.Version,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, err
}
