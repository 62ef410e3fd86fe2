package access

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/member"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql/db"
)

// MaxMapped is how many members are told at once.
const MaxMapped = 200

// MembersMappedBy lists members of a tenant with roles from groups at an identity
// provider, those after a given one.
func (d *Directory) MembersMappedBy(ctx context.Context, tenant, provider, after uuid.UUID) ([]uuid.UUID, error) {
	found, err := d.queries.MembersMappedBy(ctx, db.MembersMappedByParams{TenantID: tenant, ProviderID: provider, After: after, MaxRows: MaxMapped})
	if err != nil {
		return nil, fmt.Errorf("members with roles from groups: %w", err)
	}
	return found, nil
}

func (w writer) mapped() fold.Rows[uuid.UUID, db.MappedMember] {
	return fold.Rows[uuid.UUID, db.MappedMember]{
		Key:   uuid.Parse,
		KeyOf: func(r db.MappedMember) uuid.UUID { return r.UserID },
		Read: func(ctx context.Context, users []uuid.UUID) ([]db.MappedMember, error) {
			return w.queries.MappedMemberRows(ctx, db.MappedMemberRowsParams{TenantID: w.tenant, UserIds: users})
		},
		Fold: foldMapped,
		Write: func(ctx context.Context, rows []*db.MappedMember) error {
			return w.queries.UpsertMappedMembers(ctx, db.UpsertMappedMembersParams{
				TenantID:    w.tenant,
				UserIds:     fold.Column(rows, func(r *db.MappedMember) uuid.UUID { return r.UserID }),
				ProviderIds: fold.Column(rows, func(r *db.MappedMember) uuid.UUID { return r.ProviderID }),
			})
		},
		Delete: func(ctx context.Context, users []uuid.UUID) error {
			return w.queries.DeleteMappedMembers(ctx, db.DeleteMappedMembersParams{TenantID: w.tenant, UserIds: users})
		},
	}
}

func foldMapped(row *db.MappedMember, user uuid.UUID, c projections.Change) (*db.MappedMember, error) {
	switch e := c.Payload.(type) {
	case member.RolesMapped:
		if len(e.Mapped) == 0 {
			return nil, nil
		}
		by, err := uuid.Parse(e.ProviderID)
		return &db.MappedMember{UserID: user, ProviderID: by}, err
	case member.RolesChanged:
		return row, nil
	}
	return nil, nil // who is added or removed has no roles from groups
}
