package severance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// Commands are those that follow from an event, whose id is the cause of each.
type Commands interface {
	EndSession(ctx context.Context, cause, session uuid.UUID) error
	UnmapRoles(ctx context.Context, cause, tenant, user, provider uuid.UUID) error
	ReleaseMailDomain(ctx context.Context, cause uuid.UUID, domain access.MailDomain) error
}

// Waiter tells when read models show what is in the log.
type Waiter interface {
	Wait(ctx context.Context, projection string, tenant uuid.UUID, position int64) error
	// WaitForAll returns when a projection shows what was recorded in any tenant's
	// log up to a time.
	WaitForAll(ctx context.Context, projection string, until time.Time) error
}

// Config of a Severer; all fields are required.
type Config struct {
	Log      eventstore.Reader
	Decoder  projections.Decoder
	Commands Commands
	Waiter   Waiter
	Users    *users.Directory
	Access   *access.Directory
}

// Severer does what follows. Safe for concurrent use.
type Severer struct{ Config }

// NewSeverer returns a severer.
func NewSeverer(c Config) (*Severer, error) {
	if c.Log == nil || c.Decoder == nil || c.Commands == nil || c.Waiter == nil || c.Users == nil || c.Access == nil {
		return nil, errors.New("severance: everything is required")
	}
	return &Severer{c}, nil
}

// Kinds are the jobs of severance, for the workers.
func (s *Severer) Kinds() map[string]jobs.Kind {
	return map[string]jobs.Kind{kind: {Handle: s.handle, Timeout: 2 * time.Minute, Workers: 2, PerTenant: 2}}
}

func (s *Severer) handle(ctx context.Context, d jobs.Delivery) error {
	var o order
	if err := json.Unmarshal(d.Payload, &o); err != nil {
		return jobs.Dead(fmt.Errorf("payload of job %s: %w", d.ID, err))
	}
	page, err := s.Log.ReadLog(ctx, o.Tenant, eventstore.LogQuery{After: o.Position - 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Events) == 0 || page.Events[0].Position != o.Position {
		return jobs.Dead(fmt.Errorf("there is no event at position %d", o.Position))
	}
	event := page.Events[0]
	payload, err := s.Decoder.Decode(ctx, event)
	if err != nil {
		return err
	}
	of, err := uuid.Parse(event.Stream.ID)
	if err != nil {
		return jobs.Dead(fmt.Errorf("stream %s has no UUID: %w", event.Stream, err))
	}
	if e, unlinked := payload.(user.IdentityUnlinked); unlinked {
		return s.signOut(ctx, event, of, e)
	}
	if err := s.Waiter.WaitForAll(ctx, access.Name, time.Now()); err != nil {
		return err
	}
	switch payload.(type) {
	case provider.Removed:
		return errors.Join(s.unmap(ctx, event, of), s.release(ctx, event, o.Tenant, of))
	case tenant.Archived:
		return s.release(ctx, event, of, uuid.Nil)
	}
	return jobs.Dead(fmt.Errorf("the event at position %d is of type %s", o.Position, event.Type))
}

// unmap takes the roles that a provider's groups gave.
func (s *Severer) unmap(ctx context.Context, event eventstore.Event, of uuid.UUID) error {
	for after := uuid.Nil; ; {
		members, err := s.Access.MembersMappedBy(ctx, event.TenantID, of, after)
		if err != nil {
			return err
		}
		for _, m := range members {
			if err := s.Commands.UnmapRoles(ctx, event.ID, event.TenantID, m, of); err != nil {
				return fmt.Errorf("taking the roles of groups from user %s: %w", m, err)
			}
		}
		if len(members) < access.MaxMapped {
			return nil
		}
		after = members[len(members)-1]
	}
}

// errMore has a job done again, because it reads so many rows at once and no more.
var errMore = errors.New("there is more to do")

// release frees the e-mail domains of a tenant that led to a provider; nil: to any.
func (s *Severer) release(ctx context.Context, event eventstore.Event, holder, by uuid.UUID) error {
	domains, err := s.Access.MailDomainsOf(ctx, holder)
	if err != nil {
		return err
	}
	for _, d := range domains {
		if by != uuid.Nil && d.Provider != by {
			continue
		}
		if err := s.Commands.ReleaseMailDomain(ctx, event.ID, d); err != nil {
			return fmt.Errorf("releasing domain %s: %w", d.Domain, err)
		}
	}
	if by == uuid.Nil && len(domains) == access.MaxMailDomains {
		return jobs.After(time.Second, errMore)
	}
	return nil
}

// signOut ends the sessions for which providers of a tenant vouched: those from
// before the event, and all if nothing of the tenant's is linked any more.
func (s *Severer) signOut(ctx context.Context, event eventstore.Event, of uuid.UUID, e user.IdentityUnlinked) error {
	confined, err := uuid.Parse(e.TenantID)
	if err != nil {
		return jobs.Dead(fmt.Errorf("tenant %q has no UUID: %w", e.TenantID, err))
	}
	if err := s.Waiter.Wait(ctx, users.Name, eventstore.SystemTenant, event.Position); err != nil {
		return err
	}
	linked, err := s.Users.Identities(ctx, of)
	if err != nil {
		return err
	}
	until := time.Now()
	for _, i := range linked {
		if i.Tenant == confined {
			until = e.At
		}
	}
	live, err := s.Users.SessionsConfinedTo(ctx, of, confined, until)
	if err != nil {
		return err
	}
	for _, one := range live {
		if err := s.Commands.EndSession(ctx, event.ID, one.ID); err != nil && !errors.Is(err, session.ErrNotFound) {
			return fmt.Errorf("ending session %s: %w", one.ID, err)
		}
	}
	if len(live) == users.MaxSessions {
		return jobs.After(time.Second, errMore)
	}
	return nil
}
