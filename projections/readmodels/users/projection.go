// Package users is the read model of people and their sign-ins: its projection
// folds the user and session streams of the system tenant's log into one row
// per user and one per session, and [Directory] answers queries from them.
//
// Rows of an erased user hold nothing personal. While events are folded their
// personal fields may have been opened before the key was destroyed, so the
// projection blanks rows when it comes to the erasure.
package users

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/subject"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql"
	"tansu.cloud/sql/db"
)

// Name of the projection.
const Name = "users"

// Statuses of users.
const (
	StatusActive   = string(user.StatusActive)
	StatusDisabled = string(user.StatusDisabled)
	StatusErased   = string(user.StatusErased)
)

// New returns the projection.
func New() projections.Projection {
	return projections.Projection{
		Name: Name, Version: 2, DDL: sql.Users, Tables: []string{"users", "sessions", "identities"}, Apply: apply,
		Types: slices.Concat(projections.TypesOf(user.Events()), projections.TypesOf(session.Events()), projections.TypesOf(subject.Events())),
	}
}

func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	q, streams := db.New(tx), fold.ByStream(changes)
	if err := userRows(q).Apply(ctx, streams[user.StreamType]); err != nil {
		return err
	}
	if err := sessionRows(q).Apply(ctx, streams[session.StreamType]); err != nil {
		return err
	}
	if err := applyIdentities(ctx, q, streams[user.StreamType]); err != nil {
		return err
	}
	return forget(ctx, q, changes)
}

// forget blanks what the rows of erased users hold. It comes last: nothing
// personal is recorded about somebody after the erasure.
func forget(ctx context.Context, q *db.Queries, changes []projections.Change) error {
	var erased []uuid.UUID
	for _, c := range changes {
		id := ""
		switch e := c.Payload.(type) {
		case user.Erased:
			id = c.Event.Stream.ID
		case subject.Erased:
			id = e.Subject
		}
		if id, err := uuid.Parse(id); err == nil { // other data subjects than users have other names
			erased = append(erased, id)
		}
	}
	if len(erased) == 0 {
		return nil
	}
	if err := q.ForgetUsers(ctx, db.ForgetUsersParams{TenantID: eventstore.SystemTenant, Ids: erased}); err != nil {
		return err
	}
	return q.ForgetSessionDevices(ctx, db.ForgetSessionDevicesParams{TenantID: eventstore.SystemTenant, UserIds: erased})
}

func userRows(q *db.Queries) fold.Rows[uuid.UUID, db.User] {
	return fold.Rows[uuid.UUID, db.User]{
		Key:   uuid.Parse,
		KeyOf: func(r db.User) uuid.UUID { return r.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]db.User, error) {
			return q.UserRows(ctx, db.UserRowsParams{TenantID: eventstore.SystemTenant, Ids: ids})
		},
		Fold: foldUser,
		Write: func(ctx context.Context, rows []*db.User) error {
			return q.UpsertUsers(ctx, db.UpsertUsersParams{
				TenantID:       eventstore.SystemTenant,
				Ids:            fold.Column(rows, func(r *db.User) uuid.UUID { return r.ID }),
				Emails:         fold.Column(rows, func(r *db.User) string { return r.Email }),
				EmailIndexes:   fold.Column(rows, func(r *db.User) string { return r.EmailIndex }),
				Names:          fold.Column(rows, func(r *db.User) string { return r.Name }),
				Verified:       fold.Column(rows, func(r *db.User) bool { return r.Verified }),
				Statuses:       fold.Column(rows, func(r *db.User) string { return r.Status }),
				Reasons:        fold.Column(rows, func(r *db.User) string { return r.DisabledReason }),
				PasswordIds:    fold.Column(rows, func(r *db.User) string { return r.PasswordID }),
				TotpIds:        fold.Column(rows, func(r *db.User) string { return r.TotpID }),
				RecoverySetIds: fold.Column(rows, func(r *db.User) string { return r.RecoverySetID }),
				Passkeys:       fold.Column(rows, func(r *db.User) json.RawMessage { return r.Passkeys }),
				Versions:       fold.Column(rows, func(r *db.User) int64 { return r.Version }),
				Created:        fold.Column(rows, func(r *db.User) time.Time { return r.CreatedAt }),
				Updated:        fold.Column(rows, func(r *db.User) time.Time { return r.UpdatedAt }),
			})
		},
	}
}

func foldUser(row *db.User, id uuid.UUID, c projections.Change) (*db.User, error) {
	if registered, first := c.Payload.(user.Registered); first {
		row = &db.User{ID: id, Status: StatusActive, Passkeys: noPasskeys, CreatedAt: registered.At}
	}
	if row == nil {
		return nil, fold.ErrUnknown
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case user.Registered:
		row.Email, row.EmailIndex, row.Name, row.UpdatedAt = e.Email, e.EmailIndex, e.Name, e.At
		row.Verified = e.Verified
	case user.EmailVerified:
		row.Verified, row.UpdatedAt = true, e.At
	case user.Renamed:
		row.Name, row.UpdatedAt = e.Name, e.At
	case user.PasswordSet:
		row.PasswordID, row.UpdatedAt = e.PasswordID, e.At
	case user.Disabled:
		row.Status, row.DisabledReason, row.UpdatedAt = StatusDisabled, e.Reason, e.At
	case user.Enabled:
		row.Status, row.DisabledReason, row.UpdatedAt = StatusActive, "", e.At
	case user.Erased:
		return &db.User{ID: id, Status: StatusErased, Passkeys: noPasskeys, Version: row.Version, CreatedAt: row.CreatedAt, UpdatedAt: e.At}, nil
	default:
		return foldFactors(row, c)
	}
	return row, nil
}

func sessionRows(q *db.Queries) fold.Rows[uuid.UUID, db.Session] {
	return fold.Rows[uuid.UUID, db.Session]{
		Key:   uuid.Parse,
		KeyOf: func(r db.Session) uuid.UUID { return r.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]db.Session, error) {
			return q.SessionRows(ctx, db.SessionRowsParams{TenantID: eventstore.SystemTenant, Ids: ids})
		},
		Fold: foldSession,
		Write: func(ctx context.Context, rows []*db.Session) error {
			return q.UpsertSessions(ctx, db.UpsertSessionsParams{
				TenantID:    eventstore.SystemTenant,
				Ids:         fold.Column(rows, func(r *db.Session) uuid.UUID { return r.ID }),
				UserIds:     fold.Column(rows, func(r *db.Session) uuid.UUID { return r.UserID }),
				Methods:     fold.Column(rows, func(r *db.Session) string { return r.Method }),
				Addresses:   fold.Column(rows, func(r *db.Session) string { return r.Address }),
				ConfinedTo:  fold.Column(rows, func(r *db.Session) uuid.UUID { return r.ConfinedTo }),
				ProviderIds: fold.Column(rows, func(r *db.Session) uuid.UUID { return r.ProviderID }),
				UserAgents:  fold.Column(rows, func(r *db.Session) string { return r.UserAgent }),
				Started:     fold.Column(rows, func(r *db.Session) time.Time { return r.StartedAt }),
				Live:        fold.Column(rows, func(r *db.Session) bool { return r.Live }),
				Ended:       fold.Column(rows, func(r *db.Session) time.Time { return r.EndedAt }),
				Reasons:     fold.Column(rows, func(r *db.Session) string { return r.EndedReason }),
			})
		},
	}
}

func foldSession(row *db.Session, id uuid.UUID, c projections.Change) (*db.Session, error) {
	switch e := c.Payload.(type) {
	case session.Started:
		person, err := uuid.Parse(e.UserID)
		if err != nil {
			return nil, err
		}
		tenant, err := fold.OptionalID(e.ConfinedTo)
		if err != nil {
			return nil, err
		}
		vouches, err := fold.OptionalID(e.ProviderID)
		return &db.Session{
			ID: id, UserID: person, Method: e.Method, ConfinedTo: tenant, ProviderID: vouches, Address: e.Address, UserAgent: e.UserAgent,
			StartedAt: e.At, Live: true,
		}, err
	case session.Ended:
		if row == nil {
			return nil, fold.ErrUnknown
		}
		row.Live, row.EndedAt, row.EndedReason = false, e.At, e.Reason
		return row, nil
	}
	return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
}
