package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
)

// Commands are those that the steps send.
type Commands interface {
	// OpenSpace begins the tenant's log, unless it has begun.
	OpenSpace(ctx context.Context, id uuid.UUID) error
	// CompleteStep notes that a step is done; invite is set if the address of that
	// invite need not be known any more.
	CompleteStep(ctx context.Context, id uuid.UUID, step, invite string) (tenant.State, error)
	// Fail notes that a step cannot be done.
	Fail(ctx context.Context, id uuid.UUID, step, cause string) error
	// InviteOwner makes the invite, of which key makes it one, and returns its
	// token's name, nil if nothing is to be sent, and when it expires.
	InviteOwner(ctx context.Context, i Invite, key string) (token uuid.UUID, expires time.Time, err error)
}

// Invite is that of a tenant's first owner.
type Invite struct {
	Tenant uuid.UUID
	ID     uuid.UUID
	Email  string
}

// Letter is what an invited person gets.
type Letter struct {
	Invite
	TenantName string
	Token      uuid.UUID // its name
	ExpiresAt  time.Time
	// Key is the same whenever the letter is sent again.
	Key string
}

// Post sends letters.
type Post interface {
	Send(ctx context.Context, l Letter) error
}

// Config of a Provisioner. Fields without a stated default are required.
type Config struct {
	Log      eventstore.Reader
	Decoder  projections.Decoder
	Commands Commands
	Post     Post         // nil: there is no mail, and nobody can be invited
	Logger   *slog.Logger // default: discards

	// Delays are the waits before the attempts after the first; nil: six attempts
	// within 13 minutes, since somebody may wait for the outcome.
	Delays []time.Duration
}

// workers of one process. The tenants of one job are prepared one after the other,
// so that many new ones do not crowd out what those do that are there.
const workers = 4

// failTime bounds the noting of a failure.
const failTime = 10 * time.Second

var delays = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}

// Provisioner takes the steps. Safe for concurrent use.
type Provisioner struct{ Config }

// NewProvisioner returns a provisioner.
func NewProvisioner(c Config) (*Provisioner, error) {
	if c.Log == nil || c.Decoder == nil || c.Commands == nil {
		return nil, errors.New("provisioning: Log, Decoder and Commands are required")
	}
	if c.Delays == nil {
		c.Delays = delays
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Provisioner{c}, nil
}

// Kinds are the jobs of provisioning, for the workers.
func (p *Provisioner) Kinds() map[string]jobs.Kind {
	return map[string]jobs.Kind{kind: {Handle: p.handle, Delays: p.Delays, Timeout: 2 * time.Minute, Workers: workers, PerTenant: workers}}
}

// handle does a job: it provisions each of its tenants. What could not be done
// in the last attempt, or never can be, is in the tenant's stream and no failure
// of the job.
func (p *Provisioner) handle(ctx context.Context, d jobs.Delivery) error {
	var o order
	if err := json.Unmarshal(d.Payload, &o); err != nil {
		return jobs.Dead(fmt.Errorf("payload of job %s: %w", d.ID, err))
	}
	var failed []error
	for _, id := range o.Tenants {
		if err := p.attempt(ctx, id, d.LastAttempt); err != nil {
			failed = append(failed, fmt.Errorf("tenant %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

// attempt takes a tenant as far as it goes.
func (p *Provisioner) attempt(ctx context.Context, id uuid.UUID, last bool) error {
	s, err := p.load(ctx, id)
	if err != nil {
		return err
	}
	err = p.proceed(ctx, id, s)
	failed := (*stepError)(nil)
	if !errors.As(err, &failed) || errors.Is(ctx.Err(), context.Canceled) || !last && !permanent(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failTime) // its time may be over
	defer cancel()
	p.Logger.ErrorContext(ctx, "a tenant cannot be provisioned; once the cause is removed, resume its provisioning",
		"tenant_id", id, "step", failed.step, "error", failed.cause)
	return p.Commands.Fail(ctx, id, failed.step, failed.cause.Error())
}

// proceed takes the steps that are open.
func (p *Provisioner) proceed(ctx context.Context, id uuid.UUID, s *subject) error {
	for {
		step := s.Provisioning.Next()
		if step == "" || s.Provisioning.Failed() || s.Status == tenant.StatusArchived {
			return nil
		}
		invite := ""
		if step == tenant.StepAdminInvite {
			invite = s.Provisioning.InviteID
		}
		err := p.take(ctx, id, step, s)
		if err == nil {
			s.State, err = p.Commands.CompleteStep(ctx, id, step, invite)
		}
		if err != nil {
			return &stepError{step, err}
		}
	}
}

// take makes the effect of a step. Quotas are set by the tenant's own decision.
func (p *Provisioner) take(ctx context.Context, id uuid.UUID, step string, s *subject) error {
	switch step {
	case tenant.StepSpace:
		return p.Commands.OpenSpace(ctx, id)
	case tenant.StepAdminInvite:
		return p.invite(ctx, id, s)
	}
	return nil
}

func (p *Provisioner) invite(ctx context.Context, id uuid.UUID, s *subject) error {
	switch {
	case p.Post == nil:
		return refuse("no mail server is named, so nobody can be invited")
	case s.email == "":
		return refuse("the address of the administrator was erased")
	}
	invite, err := uuid.Parse(s.Provisioning.InviteID)
	if err != nil {
		return err
	}
	i := Invite{Tenant: id, ID: invite, Email: s.email}
	key := "provisioning/" + s.started.String()
	token, expires, err := p.Commands.InviteOwner(ctx, i, key)
	if err != nil || token == uuid.Nil {
		return err
	}
	return p.Post.Send(ctx, Letter{Invite: i, TenantName: s.Name, Token: token, ExpiresAt: expires, Key: key})
}

// subject is a tenant with what its state need not hold.
type subject struct {
	tenant.State
	email   string    // of the admin
	started uuid.UUID // the event
}

// load reads a tenant's stream.
func (p *Provisioner) load(ctx context.Context, id uuid.UUID) (*subject, error) {
	s, stream := &subject{}, eventstore.Stream{Type: tenant.StreamType, ID: id.String()}
	for after := int64(0); ; {
		events, err := p.Log.ReadStream(ctx, eventstore.SystemTenant, stream, eventstore.StreamQuery{After: after})
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			payload, err := p.Decoder.Decode(ctx, e)
			if err != nil {
				return nil, err
			}
			happened, ok := payload.(tenant.Event)
			if !ok {
				return nil, fmt.Errorf("stream %s holds an event of type %s", stream, e.Type)
			}
			if begun, ok := happened.(tenant.ProvisioningStarted); ok {
				s.email, s.started = begun.AdminEmail, e.ID
			}
			s.State, after = tenant.Apply(s.State, happened), e.Version
		}
		if len(events) < eventstore.MaxPage {
			return s, nil
		}
	}
}

// stepError is why a step was not done.
type stepError struct {
	step  string
	cause error
}

func (e *stepError) Error() string { return e.step + ": " + e.cause.Error() }
func (e *stepError) Unwrap() error { return e.cause }

// refuse is an error that repeating does not help.
func refuse(message string) error { return domain.Conflict("tenant.step_impossible", message) }

// permanent finds refusals; all else may work another time.
func permanent(err error) bool {
	refusal := (*domain.Error)(nil)
	return errors.As(err, &refusal)
}
