package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/subject"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql/db"
)

func (w writer) invites() fold.Rows[uuid.UUID, db.Invite] {
	return fold.Rows[uuid.UUID, db.Invite]{
		Key:   uuid.Parse,
		KeyOf: func(r db.Invite) uuid.UUID { return r.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]db.Invite, error) {
			return w.queries.InviteRows(ctx, db.InviteRowsParams{TenantID: w.tenant, Ids: ids})
		},
		Fold: foldInvite,
		Write: func(ctx context.Context, rows []*db.Invite) error {
			return w.queries.UpsertInvites(ctx, db.UpsertInvitesParams{
				TenantID:     w.tenant,
				Ids:          fold.Column(rows, func(r *db.Invite) uuid.UUID { return r.ID }),
				Emails:       fold.Column(rows, func(r *db.Invite) string { return r.Email }),
				EmailIndexes: fold.Column(rows, func(r *db.Invite) string { return r.EmailIndex }),
				Roles:        fold.Column(rows, func(r *db.Invite) json.RawMessage { return r.Roles }),
				Statuses:     fold.Column(rows, func(r *db.Invite) string { return r.Status }),
				Reasons:      fold.Column(rows, func(r *db.Invite) string { return r.Reason }),
				TokenIds:     fold.Column(rows, func(r *db.Invite) string { return r.TokenID }),
				AcceptedBy:   fold.Column(rows, func(r *db.Invite) uuid.UUID { return r.AcceptedBy }),
				CreatedBy:    fold.Column(rows, func(r *db.Invite) string { return r.CreatedBy }),
				Expires:      fold.Column(rows, func(r *db.Invite) time.Time { return r.ExpiresAt }),
				Versions:     fold.Column(rows, func(r *db.Invite) int64 { return r.Version }),
				Created:      fold.Column(rows, func(r *db.Invite) time.Time { return r.CreatedAt }),
				Updated:      fold.Column(rows, func(r *db.Invite) time.Time { return r.UpdatedAt }),
			})
		},
	}
}

func foldInvite(row *db.Invite, id uuid.UUID, c projections.Change) (*db.Invite, error) {
	if e, ok := c.Payload.(invite.Created); ok {
		meta, err := c.Event.Meta()
		return &db.Invite{
			CreatedBy: meta.Actor,
			ID:        id, Email: e.Email, EmailIndex: e.EmailIndex, Roles: fold.List(e.Roles), Status: InviteOpen, TokenID: e.TokenID,
			ExpiresAt: e.ExpiresAt, Version: c.Event.Version, CreatedAt: e.At, UpdatedAt: e.At,
		}, err
	}
	if row == nil {
		return nil, fold.ErrUnknown
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case invite.Resent:
		row.TokenID, row.ExpiresAt, row.UpdatedAt = e.TokenID, e.ExpiresAt, e.At
	case invite.Revoked:
		row.Email, row.EmailIndex = "", ""
		row.Status, row.Reason, row.UpdatedAt = InviteRevoked, e.Reason, e.At
	case invite.Accepted:
		user, err := uuid.Parse(e.UserID)
		row.Email, row.EmailIndex = "", ""
		row.Status, row.AcceptedBy, row.UpdatedAt = InviteAccepted, user, e.At
		return row, err
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return row, nil
}

// forget blanks what open invites tell about people who were erased. It comes
// after the invites of the batch, whose e-mails may have been opened before.
func (w writer) forget(ctx context.Context, changes []projections.Change) error {
	var erased []uuid.UUID
	for _, c := range changes {
		e, ok := c.Payload.(subject.Erased)
		if !ok {
			return fmt.Errorf("the projection does not handle %T", c.Payload)
		}
		if id, err := uuid.Parse(e.Subject); err == nil { // other data subjects have other names
			erased = append(erased, id)
		}
	}
	if len(erased) == 0 {
		return nil
	}
	return w.queries.ForgetInvitees(ctx, db.ForgetInviteesParams{TenantID: w.tenant, Ids: erased})
}
