package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/rabbitmqtest"
)

// deliveriesEnv raises the size of the delivery tests; from a million deliveries
// on they have 100 clients.
const deliveriesEnv = "TANSU_TEST_DELIVERIES"

const (
	feedToken    = "brought-along-token" // of serveEnv
	cutPause     = 20 * time.Millisecond // 50 cuts a second, of few clients fewer
	feedWriters  = 8
	feedPatience = 8 * time.Minute
)

// While two logs grow, one through the servers and one by another process's
// hand, clients follow them over a line that keeps breaking, and the servers are
// restarted, once in order and once by SIGKILL. Every client gets exactly what it
// selected, in order.
func TestFeedsLoseNothing(t *testing.T) {
	t.Parallel()
	newFeedTrial(t, 1, func() {}).run()
}

// The same with two servers on RabbitMQ, which is restarted too.
func TestFeedsLoseNothingOverRabbitMQ(t *testing.T) {
	t.Parallel()
	broker := rabbitmqtest.Private(t)
	restart := func() {
		require.NoError(t, broker.Stop(t.Context()))
		require.NoError(t, broker.Start(t.Context()))
	}
	newFeedTrial(t, 2, restart, "TANSU_BUS=amqp", "TANSU_AMQP_URL="+broker.URL()).run()
}

// feedTrial is one run of a delivery test.
type feedTrial struct {
	t                   *testing.T
	clients, events     int // events of the log that this process writes; the other gets a quarter
	env                 [][]string
	addresses           []string
	nodes               []*program
	line                *cutter
	store               *postgres.Store
	other               uuid.UUID // the tenant whose log this process writes
	renamed             [feedWriters]string
	begun, written      atomic.Int64
	third, half, thirds chan struct{} // closed when so much is written
	atHalf              func()
}

func newFeedTrial(t *testing.T, nodes int, atHalf func(), settings ...string) *feedTrial {
	f := &feedTrial{
		t: t, clients: 20, events: eventsFor(20_000, 20), atHalf: atHalf,
		third: make(chan struct{}), half: make(chan struct{}), thirds: make(chan struct{}),
	}
	if text := os.Getenv(deliveriesEnv); text != "" {
		deliveries, err := strconv.Atoi(text)
		require.NoError(t, err, deliveriesEnv)
		if deliveries >= 1_000_000 {
			f.clients = 100
		}
		f.events = eventsFor(deliveries, f.clients)
	}
	dsn := postgrestest.NewDSN(t)
	for i := range nodes {
		f.addresses = append(f.addresses, freeAddr(t))
		f.env = append(f.env, append(append(serveEnv(t, dsn), settings...),
			"TANSU_HTTP_ADDR="+f.addresses[i], "TANSU_HTTP_DRAIN_DELAY=0s", fmt.Sprint("TANSU_NODE_ID=node-", i)))
		f.nodes = append(f.nodes, startProgram(t, f.env[i], "serve"))
	}
	for _, n := range f.nodes {
		n.ready()
	}
	f.line = newCutter(t, f.addresses...)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	f.store = postgres.New(pool, postgres.Options{})
	require.NoError(t, f.store.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, f.store.Stop(context.WithoutCancel(t.Context()))) })
	client := []string{"TANSU_SERVER=" + f.nodes[0].url, "TANSU_TOKEN=" + feedToken}
	f.other = uuid.MustParse(createdTenant(t, client, "other"))
	for i := range f.renamed {
		f.renamed[i] = createdTenant(t, client, fmt.Sprint("renamed-", i))
	}
	return f
}

// eventsFor makes up for what is not selected by all.
func eventsFor(deliveries, clients int) int { return deliveries * 3 / 2 / clients }

func (f *feedTrial) run() {
	t := f.t
	ctx, cancel := context.WithTimeout(t.Context(), feedPatience+time.Duration(f.events)*60*time.Millisecond)
	defer cancel()
	begin := time.Now()
	readers, wait := f.startReaders(ctx)
	stopCutting := f.cutAtRandom()
	defer stopCutting()
	writing, writingCtx := errgroup.WithContext(ctx)
	for w := range feedWriters {
		writing.Go(func() error { return f.write(writingCtx, w) })
	}
	f.restarts(writingCtx)
	require.NoError(t, writing.Wait())
	// However fast the writers were, the end comes over lines that have broken.
	require.Eventually(t, func() bool { return f.line.count() > f.clients }, time.Minute, 10*time.Millisecond)
	require.NoError(t, f.rename(ctx, 0, theEnd))
	require.NoError(t, f.append(ctx, 0, 1<<40, theEnd))
	// A machine so busy that lines break before they have carried anything gets there too.
	enough := time.AfterFunc(time.Minute, stopCutting)
	defer enough.Stop()
	require.NoError(t, wait())
	stopCutting()
	f.compare(readers, time.Since(begin))
}

// startReaders returns when all have subscribed.
func (f *feedTrial) startReaders(ctx context.Context) (readers []*feedReader, wait func() error) {
	selections := feedSelections(f.other)
	reading, ctx := errgroup.WithContext(ctx)
	started := make(chan struct{}, f.clients)
	for i := range f.clients {
		r := &feedReader{feedSelection: selections[i%len(selections)]}
		readers = append(readers, r)
		reading.Go(func() error { return r.follow(ctx, f.line.url(), feedToken, func() { started <- struct{}{} }) })
	}
	for range readers {
		select {
		case <-started:
		case <-ctx.Done():
			require.NoError(f.t, reading.Wait())
		}
	}
	return readers, reading.Wait
}

// cutAtRandom cuts the line until it is stopped. A cut that finds its client
// away is made up for, but not so fast that nobody gets connected any more.
func (f *feedTrial) cutAtRandom() (stop func()) {
	pause := max(cutPause, time.Second/time.Duration(f.clients))
	done := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		began, pulse := time.Now(), time.NewTicker(pause)
		defer pulse.Stop()
		for {
			select {
			case <-pulse.C:
				due := int(time.Since(began) / pause)
				for range min(2, due-f.line.count()) {
					f.line.cut(f.clients)
				}
			case <-done:
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(done); cutting.Wait() })
}

// restarts the servers in turn while the writers go on.
func (f *feedTrial) restarts(ctx context.Context) {
	for _, step := range []struct {
		when chan struct{}
		do   func()
	}{
		{f.third, func() { f.restart(0, syscall.SIGTERM) }},
		{f.half, f.atHalf},
		{f.thirds, func() { f.restart(len(f.nodes)-1, syscall.SIGKILL) }},
	} {
		select {
		case <-step.when:
			step.do()
		case <-ctx.Done(): // a writer failed
		}
	}
}

func (f *feedTrial) restart(i int, by syscall.Signal) {
	f.nodes[i].signal(by)
	code := f.nodes[i].wait()
	if by == syscall.SIGTERM {
		require.Zero(f.t, code, f.nodes[i].stderr)
	}
	f.nodes[i] = startProgram(f.t, f.env[i], "serve").ready()
}

// write lets both logs grow in step.
func (f *feedTrial) write(ctx context.Context, writer int) error {
	for i := f.begun.Add(1); i <= int64(f.events); i = f.begun.Add(1) {
		if i%4 == 0 {
			if err := f.rename(ctx, writer, fmt.Sprint("Name ", i)); err != nil {
				return err
			}
		}
		if err := f.append(ctx, writer, i, ""); err != nil {
			return err
		}
		switch f.written.Add(1) {
		case int64(f.events / 3):
			close(f.third)
		case int64(f.events / 2):
			close(f.half)
		case int64(f.events * 2 / 3):
			close(f.thirds)
		}
	}
	return nil
}

// rename changes a tenant through one of the servers, as often as it takes.
func (f *feedTrial) rename(ctx context.Context, tenant int, name string) error {
	key := uuid.NewString()
	for try := tenant; ; try++ {
		done, err := f.tryRename(ctx, f.addresses[try%len(f.addresses)], f.renamed[tenant], name, key)
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond): // the server restarts
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *feedTrial) tryRename(ctx context.Context, address, tenant, name, key string) (done bool, err error) {
	body := fmt.Appendf(nil, `{"name":%q}`, name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+address+"/v1/tenants/"+tenant+"/name", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+feedToken)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("Prefer", "respond-async")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, nil // it restarts
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case response.StatusCode < 300:
		return true, nil
	case err != nil, response.StatusCode == http.StatusServiceUnavailable, response.StatusCode == http.StatusConflict:
		return false, nil // restarting, or the first try with this key is still under way
	}
	return false, fmt.Errorf("rename: %s: %s", response.Status, answer)
}

// append writes to the other log past the servers, which hear of it only by
// their looks at the database.
func (f *feedTrial) append(ctx context.Context, writer int, n int64, note string) error {
	typ := "order.placed"
	if n%10 == 0 && note == "" {
		typ = "order.paid"
	}
	_, err := f.store.Append(ctx, eventstore.Append{
		TenantID: f.other,
		Writes: []eventstore.StreamWrite{{
			Stream: eventstore.Stream{Type: "order", ID: fmt.Sprint(writer)}, Expected: eventstore.AnyVersion,
			Events: []eventstore.NewEvent{{
				ID: uuid.Must(uuid.NewV7()), Type: typ, SchemaVersion: 1, Data: fmt.Appendf(nil, `{"n":%d,"note":%q}`, n, note),
			}},
		}},
		Metadata: eventstore.Metadata{Actor: "shop"},
	})
	return err
}

// compare holds every client's deliveries against the logs.
func (f *feedTrial) compare(readers []*feedReader, took time.Duration) {
	logs := map[uuid.UUID][]eventstore.Event{}
	for _, id := range []uuid.UUID{eventstore.SystemTenant, f.other} {
		for next, done := int64(0), false; !done; {
			page, err := f.store.ReadLog(f.t.Context(), id, eventstore.LogQuery{After: next})
			require.NoError(f.t, err)
			logs[id] = append(logs[id], page.Events...)
			next, done = page.Next, page.Done
		}
	}
	total := 0
	for _, r := range readers {
		require.NoError(f.t, r.compare(logs[r.log]))
		total += len(r.delivered)
	}
	cuts := f.line.count()
	f.t.Logf("%d deliveries to %d clients, %d cuts (%.1f/s), %s", total, len(readers), cuts, float64(cuts)/took.Seconds(), took.Round(time.Millisecond))
}
