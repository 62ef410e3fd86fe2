package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tansu.cloud/domain/identity/role"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql/db"
)

func (w writer) roles() fold.Rows[string, db.Role] {
	return fold.Rows[string, db.Role]{
		Key:   func(name string) (string, error) { return name, nil },
		KeyOf: func(r db.Role) string { return r.Name },
		Read: func(ctx context.Context, names []string) ([]db.Role, error) {
			return w.queries.RoleRows(ctx, db.RoleRowsParams{TenantID: w.tenant, Names: names})
		},
		Fold: foldRole,
		Write: func(ctx context.Context, rows []*db.Role) error {
			return w.queries.UpsertRoles(ctx, db.UpsertRolesParams{
				TenantID:    w.tenant,
				Names:       fold.Column(rows, func(r *db.Role) string { return r.Name }),
				Titles:      fold.Column(rows, func(r *db.Role) string { return r.Title }),
				Permissions: fold.Column(rows, func(r *db.Role) json.RawMessage { return r.Permissions }),
				Versions:    fold.Column(rows, func(r *db.Role) int64 { return r.Version }),
				Created:     fold.Column(rows, func(r *db.Role) time.Time { return r.CreatedAt }),
				Updated:     fold.Column(rows, func(r *db.Role) time.Time { return r.UpdatedAt }),
			})
		},
		Delete: func(ctx context.Context, names []string) error {
			return w.queries.DeleteRoles(ctx, db.DeleteRolesParams{TenantID: w.tenant, Names: names})
		},
	}
}

func foldRole(row *db.Role, name string, c projections.Change) (*db.Role, error) {
	if created, ok := c.Payload.(role.Created); ok {
		return &db.Role{
			Name: name, Title: created.Title, Permissions: fold.List(created.Permissions), Version: c.Event.Version,
			CreatedAt: created.At, UpdatedAt: created.At,
		}, nil
	}
	if row == nil {
		return nil, fold.ErrUnknown
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case role.Changed:
		row.Title, row.Permissions, row.UpdatedAt = e.Title, fold.List(e.Permissions), e.At
	case role.Deleted:
		return nil, nil
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return row, nil
}
