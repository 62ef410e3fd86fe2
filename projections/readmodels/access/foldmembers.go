package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/member"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql/db"
)

// members keeps both tables of memberships.
func (w writer) members() fold.Rows[uuid.UUID, db.Member] {
	return fold.Rows[uuid.UUID, db.Member]{
		Key:   uuid.Parse,
		KeyOf: func(r db.Member) uuid.UUID { return r.UserID },
		Read: func(ctx context.Context, users []uuid.UUID) ([]db.Member, error) {
			return w.queries.MemberRows(ctx, db.MemberRowsParams{TenantID: w.tenant, UserIds: users})
		},
		Fold:   foldMember,
		Write:  w.writeMembers,
		Delete: w.deleteMembers,
	}
}

func (w writer) writeMembers(ctx context.Context, rows []*db.Member) error {
	users := fold.Column(rows, func(r *db.Member) uuid.UUID { return r.UserID })
	roles := fold.Column(rows, func(r *db.Member) json.RawMessage { return r.Roles })
	err := w.queries.UpsertMembers(ctx, db.UpsertMembersParams{
		TenantID: w.tenant, UserIds: users, Roles: roles,
		InviteIds: fold.Column(rows, func(r *db.Member) uuid.UUID { return r.InviteID }),
		Versions:  fold.Column(rows, func(r *db.Member) int64 { return r.Version }),
		Added:     fold.Column(rows, func(r *db.Member) time.Time { return r.AddedAt }),
		Updated:   fold.Column(rows, func(r *db.Member) time.Time { return r.UpdatedAt }),
	})
	if err != nil {
		return err
	}
	return w.queries.UpsertUserTenants(ctx, db.UpsertUserTenantsParams{
		TenantID: eventstore.SystemTenant, MemberOf: w.tenant, UserIds: users, Roles: roles})
}

func (w writer) deleteMembers(ctx context.Context, users []uuid.UUID) error {
	if err := w.queries.DeleteMembers(ctx, db.DeleteMembersParams{TenantID: w.tenant, UserIds: users}); err != nil {
		return err
	}
	return w.queries.DeleteUserTenants(ctx, db.DeleteUserTenantsParams{
		TenantID: eventstore.SystemTenant, MemberOf: w.tenant, UserIds: users})
}

func foldMember(row *db.Member, user uuid.UUID, c projections.Change) (*db.Member, error) {
	if added, ok := c.Payload.(member.Added); ok {
		invite, err := fold.OptionalID(added.InviteID)
		return &db.Member{
			UserID: user, Roles: fold.List(added.Roles), InviteID: invite, Version: c.Event.Version,
			AddedAt: added.At, UpdatedAt: added.At,
		}, err
	}
	if row == nil {
		return nil, fold.ErrUnknown
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case member.RolesChanged:
		row.Roles, row.UpdatedAt = fold.List(e.Roles), e.At
	case member.RolesMapped:
		row.Roles, row.UpdatedAt = fold.List(e.Roles), e.At
	case member.Removed:
		return nil, nil
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return row, nil
}
