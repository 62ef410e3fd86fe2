package provisioning_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/projectionstest"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/sagas/provisioning"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// env is a log in PostgreSQL with commands, the saga and the read model; workers
// run when a test starts them.
type env struct {
	*projectionstest.Installation
	t        *testing.T
	commands *commands.Commands
	tenants  *tenantdirectory.Directory
	runner   *projections.Runner
	post     *post
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{Installation: projectionstest.NewInstallation(t, commands.Registry()), t: t, post: &post{sent: map[string]int{}}}
	e.commands = commands.New(commands.Deps{
		Store: e.Store, Snapshots: e.Store, Codec: e.Codec, Logger: slog.New(slog.DiscardHandler),
		EmailIndex: func(email string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(email))) },
	})
	e.tenants = tenantdirectory.NewDirectory(e.Pool)
	e.runner, _ = e.Follow(provisioning.New(func() {}), tenantdirectory.New())
	return e
}

// provisioner works with the commands as they are given.
func (e *env) provisioner(c provisioning.Commands, adjust ...func(*provisioning.Config)) *provisioning.Provisioner {
	e.t.Helper()
	config := provisioning.Config{Log: e.Store, Decoder: e.Codec, Commands: c, Post: e.post, Delays: make([]time.Duration, 40)}
	for _, change := range adjust {
		change(&config)
	}
	p, err := provisioning.NewProvisioner(config)
	require.NoError(e.t, err)
	return p
}

// work runs the jobs.
func (e *env) work(p *provisioning.Provisioner) *jobs.Workers {
	e.t.Helper()
	w, err := jobs.New(jobs.Config{Pool: e.Pool, NodeID: "test", Kinds: p.Kinds(), PollInterval: 10 * time.Millisecond, Lease: time.Second})
	require.NoError(e.t, err)
	return w
}

func (e *env) create(slug, admin string, quotas tenant.Quotas) commands.Result[tenant.State] {
	e.t.Helper()
	r, err := e.commands.CreateTenant(e.t.Context(), on(eventstore.SystemTenant, "", commands.CreateTenant{
		Slug: slug, Name: "Acme", Provision: &tenant.Provision{AdminEmail: admin, Quotas: quotas},
	}))
	require.NoError(e.t, err)
	return r
}

// reaches waits until the read model shows a status.
func (e *env) reaches(id string, status tenant.Status) tenantdirectory.Details {
	e.t.Helper()
	require.Eventually(e.t, func() bool {
		row, err := e.tenants.Get(e.t.Context(), id)
		return err == nil && row.Status == string(status)
	}, time.Minute, 10*time.Millisecond, "tenant %s is never %s", id, status)
	details, err := e.tenants.Details(e.t.Context(), uuid.MustParse(id))
	require.NoError(e.t, err)
	return details
}

// types lists the types of the events in a log.
func (e *env) types(log uuid.UUID, stream string) (types []string) {
	e.t.Helper()
	page, err := e.Store.ReadLog(e.t.Context(), log, eventstore.LogQuery{Limit: 1000})
	require.NoError(e.t, err)
	for _, event := range page.Events {
		if stream == "" || event.Stream.ID == stream {
			types = append(types, event.Type)
		}
	}
	return types
}

func on[C any](log uuid.UUID, stream string, c C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: log, Stream: stream, Command: c, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "test", Permissions: func(string) bool { return true }},
	}
}

// sender sends the commands of provisioning. After each of its effects, and
// before it is known, crash may end the attempt.
type sender struct {
	*commands.Commands
	crash func(effect string) error
}

var errCrash = errors.New("crashed")

func (s sender) after(effect string) error {
	if s.crash == nil {
		return nil
	}
	return s.crash(effect)
}

func (s sender) OpenSpace(ctx context.Context, id uuid.UUID) error {
	_, err := s.Commands.OpenSpace(ctx, on(id, "", commands.OpenSpace{}))
	return errors.Join(err, s.after("space"))
}

func (s sender) CompleteStep(ctx context.Context, id uuid.UUID, step, invite string) (tenant.State, error) {
	r, err := s.CompleteProvisioningStep(ctx, on(eventstore.SystemTenant, id.String(), commands.CompleteProvisioningStep{Step: step, InviteID: invite}))
	return r.State, errors.Join(err, s.after("completed "+step))
}

func (s sender) Fail(ctx context.Context, id uuid.UUID, step, cause string) error {
	_, err := s.FailProvisioning(ctx, on(eventstore.SystemTenant, id.String(), commands.FailProvisioning{Step: step, Error: cause}))
	return err
}

func (s sender) InviteOwner(ctx context.Context, i provisioning.Invite, key string) (token uuid.UUID, expires time.Time, err error) {
	r := on(i.Tenant, i.ID.String(), commands.CreateInvite{Email: i.Email, Roles: []string{"owner"}, TokenID: uuid.NewSHA1(i.ID, []byte(key)).String()})
	r.IdempotencyKey = key
	made, err := s.CreateInvite(ctx, r)
	if err := errors.Join(err, s.after("invite")); err != nil {
		return uuid.Nil, time.Time{}, err
	}
	token, err = uuid.Parse(made.State.TokenID)
	return token, made.State.ExpiresAt, err
}

// post counts letters by their key, as a mail server that knows message ids.
type post struct {
	mu     sync.Mutex
	sent   map[string]int
	to     []string
	after  func() error // fails when the letter is out
	refuse error
}

func (p *post) Send(_ context.Context, l provisioning.Letter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	p.sent[l.Key+"/"+l.Token.String()]++
	p.to = append(p.to, l.Email)
	if p.after != nil {
		return p.after()
	}
	return nil
}

func (p *post) decide(refuse error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}
