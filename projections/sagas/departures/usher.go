package departures

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// Commands are those that follow from an event, whose id is the cause of each.
// They return the position in the log at which their effect can be read.
type Commands interface {
	EndSession(ctx context.Context, cause, session uuid.UUID) (int64, error)
	RemoveMember(ctx context.Context, cause, tenant, user uuid.UUID) (int64, error)
	RevokeInvite(ctx context.Context, cause, tenant, invite uuid.UUID) (int64, error)
}

// Waiter tells when read models show what is in the log.
type Waiter interface {
	Wait(ctx context.Context, projection string, tenant uuid.UUID, position int64) error
	// WaitForAll returns when a projection shows what was recorded in any tenant's
	// log up to a time.
	WaitForAll(ctx context.Context, projection string, until time.Time) error
}

// Config of an Usher; all fields but Logger are required.
type Config struct {
	Log      eventstore.Reader
	Decoder  projections.Decoder
	Commands Commands
	Waiter   Waiter
	Users    *users.Directory
	Access   *access.Directory
	Logger   *slog.Logger // default: discards
}

// Usher does what follows. Safe for concurrent use.
type Usher struct{ Config }

// NewUsher returns an usher.
func NewUsher(c Config) (*Usher, error) {
	if c.Log == nil || c.Decoder == nil || c.Commands == nil || c.Waiter == nil || c.Users == nil || c.Access == nil {
		return nil, errors.New("departures: everything but Logger is required")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Usher{c}, nil
}

// Kinds are the jobs of departures, for the workers.
func (u *Usher) Kinds() map[string]jobs.Kind {
	return map[string]jobs.Kind{kind: {Handle: u.handle, Timeout: 2 * time.Minute, Workers: 4, PerTenant: 4}}
}

func (u *Usher) handle(ctx context.Context, d jobs.Delivery) error {
	var o order
	if err := json.Unmarshal(d.Payload, &o); err != nil {
		return jobs.Dead(fmt.Errorf("payload of job %s: %w", d.ID, err))
	}
	page, err := u.Log.ReadLog(ctx, eventstore.SystemTenant, eventstore.LogQuery{After: o.Position - 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Events) == 0 || page.Events[0].Position != o.Position {
		return jobs.Dead(fmt.Errorf("there is no event at position %d", o.Position))
	}
	event := page.Events[0]
	payload, err := u.Decoder.Decode(ctx, event)
	if err != nil {
		return err
	}
	switch e := payload.(type) {
	case user.PasswordSet:
		return u.signOut(ctx, event, e.UserID, e.At)
	case user.Disabled:
		return u.signOut(ctx, event, e.UserID, e.At)
	case user.Erased:
		return errors.Join(u.signOut(ctx, event, e.UserID, e.At), u.follow(ctx, event, e))
	}
	return jobs.Dead(fmt.Errorf("the event at position %d is of type %s", o.Position, event.Type))
}

// errMore has a job done again, because it reads so many rows at once and no more.
var errMore = errors.New("there is more to do")

// signOut ends the sessions that a user had at a time.
func (u *Usher) signOut(ctx context.Context, event eventstore.Event, of string, at time.Time) error {
	id, err := uuid.Parse(of)
	if err != nil {
		return jobs.Dead(fmt.Errorf("user %q has no UUID: %w", of, err))
	}
	if err := u.Waiter.Wait(ctx, users.Name, eventstore.SystemTenant, event.Position); err != nil {
		return err
	}
	live, err := u.Users.SessionsUntil(ctx, id, at)
	if err != nil {
		return err
	}
	for _, s := range live {
		if _, err := u.Commands.EndSession(ctx, event.ID, s.ID); err != nil && !settled(err) {
			return fmt.Errorf("ending session %s: %w", s.ID, err)
		}
	}
	if len(live) == users.MaxSessions {
		return jobs.After(time.Second, errMore)
	}
	return nil
}

// follow takes an erased user out of all tenants.
func (u *Usher) follow(ctx context.Context, event eventstore.Event, e user.Erased) error {
	id, err := uuid.Parse(e.UserID)
	if err != nil {
		return jobs.Dead(fmt.Errorf("user %q has no UUID: %w", e.UserID, err))
	}
	if err := u.Waiter.WaitForAll(ctx, access.Name, time.Now()); err != nil {
		return err
	}
	memberships, err := u.Access.MembershipsOf(ctx, id)
	if err != nil {
		return err
	}
	for _, m := range memberships {
		if err := u.remove(ctx, event, m, id); err != nil {
			return err
		}
	}
	invites, err := u.Access.OpenInvitesTo(ctx, e.EmailIndex, e.At)
	if err != nil {
		return err
	}
	for _, i := range invites {
		if _, err := u.Commands.RevokeInvite(ctx, event.ID, i.Tenant, i.ID); err != nil && !settled(err) {
			return fmt.Errorf("revoking invite %s of tenant %s: %w", i.ID, i.Tenant, err)
		}
	}
	if len(memberships) == access.MaxMemberships || len(invites) == access.MaxInvitesTo {
		return jobs.After(time.Second, errMore)
	}
	return nil
}

func (u *Usher) remove(ctx context.Context, event eventstore.Event, m access.Membership, id uuid.UUID) error {
	position, err := u.Commands.RemoveMember(ctx, event.ID, m.Tenant, id)
	if settled(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing the user from tenant %s: %w", m.Tenant, err)
	}
	if !slices.Contains(m.Roles, permission.Owner) {
		return nil
	}
	if err := u.Waiter.Wait(ctx, access.Name, m.Tenant, position); err != nil {
		return err
	}
	owners, err := u.Access.Owners(ctx, m.Tenant)
	if err == nil && owners == 0 {
		u.Logger.WarnContext(ctx, "a tenant has no owner any more, because the last one was erased; invite another one", "tenant_id", m.Tenant)
	}
	return err
}

// settled reports that what was to be ended has ended, by somebody else or in an
// earlier attempt.
func settled(err error) bool {
	return errors.Is(err, session.ErrNotFound) || errors.Is(err, member.ErrNotFound) || errors.Is(err, invite.ErrAccepted)
}
