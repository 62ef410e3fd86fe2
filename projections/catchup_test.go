package projections_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/bustest"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
)

func newTenants(n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.New()
	}
	return ids
}

func TestFirstStartCatchesUpAndGoesOnLive(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenants := newTenants(3)
	e.fill(tenants, 2, 20)
	r := e.start()
	require.Equal(t, e.expected(), func() map[string]counter { e.waitAll(r); return e.rows() }())

	for _, id := range tenants {
		e.wait(r, id, e.append(id, "s0", added{7}))
	}
	require.Equal(t, e.expected(), e.rows())
	require.Equal(t, projections.StateRunning, e.status(r).State)
}

func TestEmptyLogIsReady(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	require.Empty(t, e.rows())
	s := e.status(r)
	require.Equal(t, projections.StateRunning, s.State)
	require.Equal(t, 1, s.Generation)
	require.Equal(t, 1, s.Version)
}

func TestManyTenants(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenants := newTenants(100)
	e.fill(tenants[:50], 1, 3)
	r := e.start()
	e.fill(tenants, 2, 3)
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
	require.Len(t, e.rows(), 200)
}

// chaos drops, repeats and reorders messages.
type chaos struct {
	message.Publisher
	mu   sync.Mutex
	held []*message.Message
}

func (c *chaos) Publish(topic string, messages ...*message.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range messages {
		switch rand.IntN(4) {
		case 0: // lost
		case 1:
			c.held = append(c.held, m)
		case 2:
			c.held = append(c.held, m, m.Copy(), m.Copy())
		case 3:
			if err := c.Publisher.Publish(topic, m); err != nil {
				return err
			}
		}
	}
	if len(c.held) < 5 {
		return nil
	}
	rand.Shuffle(len(c.held), func(i, j int) { c.held[i], c.held[j] = c.held[j], c.held[i] })
	held := c.held
	c.held = nil
	return c.Publisher.Publish(topic, held...)
}

func TestLostRepeatedAndReorderedMessagesChangeNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(o *envOptions) {
		o.publisher = func(p message.Publisher) message.Publisher { return &chaos{Publisher: p} }
	})
	r := e.start()
	e.fill(newTenants(4), 4, 50)
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
}

// chaoticBus spoils what comes out of queues.
type chaoticBus struct{ bus.Bus }

func (b chaoticBus) Queue(name string, partition int) message.Subscriber {
	return bustest.Chaos(b.Bus.Queue(name, partition), rand.Uint64())
}

func TestForeignAndCorruptMessagesAreRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	for _, m := range []struct {
		format, tenant, position, payload string
	}{
		{"", "", "", "hello"},
		{"tansu.events.v1", "nobody", "1", "[]"},
		{"tansu.events.v1", id.String(), "x", "[]"},
		{"tansu.events.v1", id.String(), "-4", "[]"},
		{"tansu.events.v1", id.String(), "1", "{"},
		{"tansu.events.v1", id.String(), "1", `[{"position":9,"hash":""}]`},
	} {
		msg := message.NewMessage("x", []byte(m.payload))
		msg.Metadata = message.Metadata{"format": m.format, "tenant_id": m.tenant, "position": m.position}
		require.NoError(t, e.bus.Publish(projections.Topic, msg))
	}
	e.wait(r, id, e.append(id, "a", added{1}))
	require.Equal(t, e.expected(), e.rows())
}

func TestCrashesAtRandomPointsApplyEverythingOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenants := newTenants(3)
	writers := make(chan struct{})
	go func() {
		defer close(writers)
		e.fill(tenants, 4, 60)
	}()
	for range 12 {
		ctx, crash := context.WithCancel(context.Background())
		r, err := projections.NewRunner(e.config())
		require.NoError(t, err)
		require.NoError(t, r.Start(ctx))
		timer := time.NewTimer(rand.N(80 * time.Millisecond))
		<-timer.C
		crash()
		stop(t, r) // waits for the goroutines; the aborted runner releases nothing
	}
	<-writers
	r := e.start()
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
}

func TestDatabaseRestartDoesNotPark(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	pool, err := pgxpool.New(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	e := newEnv(t, func(o *envOptions) { o.pool = pool })
	r := e.start()
	id := uuid.New()
	e.wait(r, id, e.append(id, "a", added{1}))

	writing, stopWriting := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for writing.Err() == nil {
				_, err := e.tryAppend(t.Context(), id, "a", added{1})
				if err != nil && !errors.Is(err, eventstore.ErrUnavailable) && !errors.Is(err, eventstore.ErrOutcomeUnknown) {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		require.NoError(t, server.Kill())
		require.NoError(t, server.Restart(t.Context()))
		before, err := e.store.Head(t.Context(), id)
		require.NoError(t, err)
		e.wait(r, id, before.Position)
	}
	stopWriting()
	writers.Wait()
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
	require.Empty(t, e.desired().DeadLetters)
	require.Zero(t, e.status(r).Parked)
}

func TestHoleInTheLogStopsThatTenantOnly(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	broken, healthy := uuid.New(), uuid.New()
	e.wait(r, broken, e.append(broken, "a", added{1}))
	stop(t, r)
	e.append(broken, "a", added{1})
	e.append(broken, "a", added{1})
	_, err := e.pool.Exec(t.Context(), `DELETE FROM events WHERE tenant_id = $1 AND position = 2`, broken)
	require.NoError(t, err)

	r = e.start()
	e.wait(r, healthy, e.append(healthy, "a", added{1}))
	e.eventually(func() bool { return e.status(r).State == projections.StateFailed }, "the hole must be reported")
	require.Contains(t, e.status(r).LastError, "position 2")
	require.Equal(t, counter{1, []int64{1}}, e.rows()[broken.String()+"/a"])
	require.Equal(t, int64(2), e.status(r).LagEvents)
	require.Positive(t, e.status(r).Lag)
}
