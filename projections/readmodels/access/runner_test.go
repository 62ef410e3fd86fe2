package access_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/projectionstest"
	"tansu.cloud/projections/readmodels/access"
)

// node is a log with one runner that follows it.
type node struct {
	t     *testing.T
	pool  *pgxpool.Pool
	store *postgres.Store
	codec *eventstore.Codec
	bus   *bus.InProcess
}

type service interface {
	Start(context.Context) error
	Stop(context.Context) error
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, pool: postgrestest.New(t), bus: bus.NewInProcess(slog.New(slog.DiscardHandler))}
	t.Cleanup(func() { require.NoError(t, n.bus.Close()) })
	var payloads []eventstore.Payload
	for _, e := range projection.Events() {
		payloads = append(payloads, e)
	}
	for _, e := range member.Events() {
		payloads = append(payloads, e)
	}
	n.codec = eventstore.NewCodec(eventstore.NewRegistry(payloads...), nil)
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: n.bus})
	require.NoError(t, err)
	n.store = postgres.New(n.pool, postgres.Options{OnCommit: relay.Committed, Lanes: 1})
	n.run(relay)
	n.run(n.store)
	return n
}

// run starts a service and returns how to stop it.
func (n *node) run(s service) (stop func()) {
	require.NoError(n.t, s.Start(context.Background()))
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(n.t, s.Stop(ctx))
	}
	n.t.Cleanup(stop)
	return stop
}

func (n *node) follow(p projections.Projection) (*projections.Runner, func()) {
	n.t.Helper()
	r, err := projections.NewRunner(projections.Config{
		NodeID: "test", Pool: n.pool, Log: n.store, Decoder: n.codec, Control: projectionstest.Control{Store: n.store, Codec: n.codec}, Bus: n.bus,
		PollInterval: 50 * time.Millisecond, Projections: []projections.Projection{p},
	})
	require.NoError(n.t, err)
	stop := n.run(r)
	select {
	case <-r.Ready():
	case <-time.After(time.Minute):
		n.t.Fatal("the projection does not start")
	}
	return r, stop
}

func (n *node) append(ctx context.Context, tenant uuid.UUID, streamType, id string, p eventstore.Payload) (int64, error) {
	encoded, err := n.codec.Encode(ctx, tenant, p)
	if err != nil {
		return 0, err
	}
	appended, err := n.store.Append(ctx, eventstore.Append{TenantID: tenant, Writes: []eventstore.StreamWrite{{
		Stream: eventstore.Stream{Type: streamType, ID: id}, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{encoded},
	}}})
	return appended.Position, err
}

// A user's memberships stand together although each tenant's log is followed on
// its own, and a rebuild makes the same rows again.
func TestMembershipsThroughTheRunner(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	dir := access.NewDirectory(n.pool)
	user, tenants := uuid.New(), []uuid.UUID{eventstore.SystemTenant, uuid.New(), uuid.New()}
	r, stop := n.follow(access.New())
	happen := func(tenant uuid.UUID, e member.Event) {
		position, err := n.append(t.Context(), tenant, member.StreamType, user.String(), e)
		require.NoError(t, err)
		require.NoError(t, r.Wait(t.Context(), access.Name, tenant, position))
	}
	roles := func() map[uuid.UUID][]string {
		memberships, err := dir.MembershipsOf(t.Context(), user)
		require.NoError(t, err)
		found := map[uuid.UUID][]string{}
		for _, m := range memberships {
			found[m.Tenant] = m.Roles
		}
		return found
	}
	for _, tenant := range tenants {
		happen(tenant, member.Added{UserID: user.String(), Roles: []string{"viewer"}, At: start})
		m, err := dir.Member(t.Context(), tenant, user)
		require.NoError(t, err, "what was written is read")
		require.Equal(t, []string{"viewer"}, m.Roles)
	}
	happen(tenants[0], member.RolesChanged{UserID: user.String(), Roles: []string{"admin"}, At: start})
	happen(tenants[1], member.Removed{UserID: user.String(), At: start})
	want := map[uuid.UUID][]string{tenants[0]: {"admin"}, tenants[2]: {"viewer"}}
	require.Equal(t, want, roles())
	stop()

	next := access.New()
	next.Version++
	r, _ = n.follow(next)
	require.Eventually(t, func() bool {
		statuses, err := r.Status(t.Context())
		require.NoError(t, err)
		return len(statuses) == 1 && statuses[0].Generation == 2
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, want, roles())
	happen(tenants[1], member.Added{UserID: user.String(), Roles: []string{"owner"}, At: start})
	want[tenants[1]] = []string{"owner"}
	require.Equal(t, want, roles())
}
