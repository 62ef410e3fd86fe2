package access

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// MaxMemberships is the most tenants that are read of one user.
const MaxMemberships = 1000

// Member is a user in a tenant.
type Member struct {
	UserID    uuid.UUID
	Roles     []string
	InviteID  uuid.UUID // nil: added without one
	Version   int64     // of the member's stream
	AddedAt   time.Time
	UpdatedAt time.Time
}

// Membership is a tenant that a user is a member of.
type Membership struct {
	Tenant uuid.UUID
	Roles  []string
}

// Member finds a member of a tenant.
func (d *Directory) Member(ctx context.Context, tenant, user uuid.UUID) (Member, error) {
	row, err := d.queries.MemberOf(ctx, db.MemberOfParams{TenantID: tenant, UserID: user})
	return one(row, err, memberFromRow)
}

// Members lists a tenant's members by when they were added, oldest first, and
// says whether more follow.
func (d *Directory) Members(ctx context.Context, tenant uuid.UUID, p Page) ([]Member, bool, error) {
	after, limit := p.from(page.First)
	rows, err := d.queries.ListMembers(ctx, db.ListMembersParams{
		TenantID: tenant, AfterAddedAt: after.At, AfterUserID: after.ID, MaxRows: limit})
	if err != nil {
		return nil, false, fmt.Errorf("members: %w", err)
	}
	return cut(p, rows, memberFromRow)
}

// Cursor is the place after a member in a list.
func (m Member) Cursor() page.Cursor { return page.Cursor{At: m.AddedAt, ID: m.UserID} }

// MembershipsOf lists the tenants of a user, in no order that means anything. They
// belong to the system tenant, whichever tenant the context is about.
func (d *Directory) MembershipsOf(ctx context.Context, user uuid.UUID) ([]Membership, error) {
	ctx = tenantscope.Within(ctx, eventstore.SystemTenant)
	rows, err := d.queries.TenantsOfUser(ctx, db.TenantsOfUserParams{
		TenantID: eventstore.SystemTenant, UserID: user, MaxRows: MaxMemberships})
	if err != nil {
		return nil, fmt.Errorf("memberships: %w", err)
	}
	return convertAll(rows, func(r db.TenantsOfUserRow) (Membership, error) {
		roles, err := names(r.Roles)
		return Membership{r.MemberOf, roles}, err
	})
}

// Owners counts the members who own a tenant.
func (d *Directory) Owners(ctx context.Context, tenant uuid.UUID) (int64, error) {
	n, err := d.queries.CountOwners(ctx, tenant)
	if err != nil {
		err = fmt.Errorf("owners of %s: %w", tenant, err)
	}
	return n, err
}

func memberFromRow(r db.Member) (Member, error) {
	roles, err := names(r.Roles)
	return Member{
		UserID: r.UserID, Roles: roles, InviteID: r.InviteID, Version: r.Version,
		AddedAt: r.AddedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, err
}
