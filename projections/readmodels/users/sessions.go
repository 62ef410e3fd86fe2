package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// MaxSessions is how many live sessions of a user are listed.
const MaxSessions = 200

// Session is a sign-in of a user.
type Session struct {
	ID          uuid.UUID
	UserID      uuid.UUID
	Method      string
	ConfinedTo  uuid.UUID // the only tenant that it is good for; nil: all of the user's
	ProviderID  uuid.UUID // of that tenant, which vouched for the user
	Address     string
	UserAgent   string
	StartedAt   time.Time
	EndedAt     time.Time // zero: it is live
	EndedReason string
}

// Live reports whether no event ended the session.
func (s Session) Live() bool { return s.EndedAt.IsZero() }

// Confined reports whether the session is good for one tenant only.
func (s Session) Confined() bool { return s.ConfinedTo != uuid.Nil || s.ProviderID != uuid.Nil }

// Session finds a session, live or not.
func (d *Directory) Session(ctx context.Context, id uuid.UUID) (Session, error) {
	row, err := d.queries.SessionByID(ctx, db.SessionByIDParams{TenantID: eventstore.SystemTenant, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Session{}, ErrNotFound
	}
	if err != nil {
		return Session{}, fmt.Errorf("sessions: %w", err)
	}
	return sessionFromRow(row), nil
}

// Sessions lists the live sessions of a user, newest first.
func (d *Directory) Sessions(ctx context.Context, user uuid.UUID) ([]Session, error) {
	return sessionsFromRows(d.queries.LiveSessions(ctx, db.LiveSessionsParams{TenantID: eventstore.SystemTenant, UserID: user, MaxRows: MaxSessions}))
}

// SessionsUntil lists those that began by a time.
func (d *Directory) SessionsUntil(ctx context.Context, user uuid.UUID, until time.Time) ([]Session, error) {
	return sessionsFromRows(d.queries.LiveSessionsUntil(ctx, db.LiveSessionsUntilParams{
		TenantID: eventstore.SystemTenant, UserID: user, Until: until, MaxRows: MaxSessions,
	}))
}

// SessionsConfinedTo lists those that began by a time and are good for one tenant.
func (d *Directory) SessionsConfinedTo(ctx context.Context, user, tenant uuid.UUID, until time.Time) ([]Session, error) {
	return sessionsFromRows(d.queries.LiveSessionsConfinedTo(ctx, db.LiveSessionsConfinedToParams{
		TenantID: eventstore.SystemTenant, UserID: user, ConfinedTo: tenant, Until: until, MaxRows: MaxSessions,
	}))
}

func sessionsFromRows(rows []db.Session, err error) ([]Session, error) {
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	list := make([]Session, len(rows))
	for i, r := range rows {
		list[i] = sessionFromRow(r)
	}
	return list, nil
}

func sessionFromRow(r db.Session) Session {
	return Session{
		ID: r.ID, UserID: r.UserID, Method: r.Method, ConfinedTo: r.ConfinedTo, ProviderID: r.ProviderID, Address: r.Address, UserAgent: r.UserAgent,
		StartedAt: r.StartedAt.UTC(), EndedAt: r.EndedAt.UTC(), EndedReason: r.EndedReason,
	}
}
