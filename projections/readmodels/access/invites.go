package access

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// Invite asks a person to become a member. It knows the e-mail while it can be
// accepted, and not longer.
type Invite struct {
	ID         uuid.UUID
	Email      string
	EmailIndex string // keyed hash of the normalised e-mail
	Roles      []string
	Status     string // an expired one is open still
	Reason     string // of a revocation
	TokenID    string
	AcceptedBy uuid.UUID // nil: nobody
	CreatedBy  string    // an actor
	ExpiresAt  time.Time
	Version    int64 // of the invite's stream
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Invite finds an invite of a tenant.
func (d *Directory) Invite(ctx context.Context, tenant, id uuid.UUID) (Invite, error) {
	row, err := d.queries.InviteByID(ctx, db.InviteByIDParams{TenantID: tenant, ID: id})
	return one(row, err, inviteFromRow)
}

// Invites lists a tenant's invites, newest first, and says whether more follow.
func (d *Directory) Invites(ctx context.Context, tenant uuid.UUID, p Page) ([]Invite, bool, error) {
	status, createdBy, err := p.filters()
	if err != nil {
		return nil, false, err
	}
	after, limit := p.from(page.Last)
	rows, err := d.queries.ListInvites(ctx, db.ListInvitesParams{
		TenantID: tenant, Status: status, CreatedBy: createdBy, AfterCreatedAt: after.At, AfterID: after.ID, MaxRows: limit})
	if err != nil {
		return nil, false, fmt.Errorf("invites: %w", err)
	}
	return cut(p, rows, inviteFromRow)
}

// MaxInvitesTo is the most invites that are read of one address.
const MaxInvitesTo = 1000

// InviteTo is an invite to an address.
type InviteTo struct{ Tenant, ID uuid.UUID }

// OpenInvitesTo lists what invites whoever has an address, in all tenants, and was
// created by a time.
func (d *Directory) OpenInvitesTo(ctx context.Context, emailIndex string, until time.Time) ([]InviteTo, error) {
	rows, err := d.queries.OpenInvitesTo(ctx, db.OpenInvitesToParams{EmailIndex: emailIndex, CreatedUntil: until, MaxRows: MaxInvitesTo})
	if err != nil {
		return nil, fmt.Errorf("open invites: %w", err)
	}
	found := make([]InviteTo, len(rows))
	for i, r := range rows {
		found[i] = InviteTo{r.TenantID, r.ID}
	}
	return found, nil
}

// Cursor is the place after an invite in a list.
func (i Invite) Cursor() page.Cursor { return page.Cursor{At: i.CreatedAt, ID: i.ID} }

func inviteFromRow(r db.Invite) (Invite, error) {
	roles, err := names(r.Roles)
	return Invite{
		ID: r.ID, Email: r.Email, EmailIndex: r.EmailIndex, Roles: roles, Status: r.Status, Reason: r.Reason,
		TokenID: r.TokenID, AcceptedBy: r.AcceptedBy, CreatedBy: r.CreatedBy, ExpiresAt: r.ExpiresAt.UTC(), Version: r.Version,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, err
}
