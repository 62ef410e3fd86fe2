package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/rabbitmqtest"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/webhooks"
)

const nodesToken = "brought-along-token"

// installation is several processes on one database and one broker, with a webhook
// that gets the new names of tenants.
type installation struct {
	t        *testing.T
	env      []string
	broker   *rabbitmqtest.Broker
	receiver *httptest.Server

	mu       sync.Mutex
	nodes    map[string]*program
	effects  map[string][]int // what the webhook's messages led to, by tenant
	done     map[string]bool  // messages that had their effect, by id
	repeated int
	holding  *held
	longest  time.Duration // that a read waited for what was written
}

// held is what deliveries wait for that come to the receiver.
type held struct {
	first   chan string // position of the first one
	release chan struct{}
}

func newInstallation(t *testing.T, dsn string) *installation {
	n := &installation{t: t, broker: rabbitmqtest.Private(t), nodes: map[string]*program{}, effects: map[string][]int{}, done: map[string]bool{}}
	n.receiver = httptest.NewServer(http.HandlerFunc(n.receive))
	t.Cleanup(n.receiver.Close)
	n.env = []string{
		"TANSU_BUS=amqp", "TANSU_AMQP_URL=" + n.broker.URL(), "TANSU_HTTP_DRAIN_DELAY=0s",
		"TANSU_WEBHOOKS_ALLOWED_NETWORKS=127.0.0.0/8", "TANSU_POSTGRES_MAX_CONNS=15",
	}
	n.env = append(append(serveEnv(t, dsn), "TANSU_CONSISTENCY_WAIT=2s"), n.env...) // requests are repeated
	return n
}

// start brings nodes up; they take requests when they are listed.
func (n *installation) start(ids ...string) {
	started := map[string]*program{}
	for _, id := range ids {
		started[id] = startProgram(n.t, append(slices.Clone(n.env), "TANSU_NODE_ID="+id, "TANSU_HTTP_ADDR="+freeAddr(n.t), "TANSU_DATA_DIR="+n.t.TempDir()), "serve")
	}
	for id, p := range started {
		p.ready()
		n.mu.Lock()
		n.nodes[id] = p
		n.mu.Unlock()
	}
}

// kill ends a node by SIGKILL; requests to it fail.
func (n *installation) kill(id string) {
	n.mu.Lock()
	p := n.nodes[id]
	delete(n.nodes, id)
	n.mu.Unlock()
	p.signal(syscall.SIGKILL)
	p.wait()
}

func (n *installation) names() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.nodes))
}

// url is that of some node that runs.
func (n *installation) url() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.nodes { // in random order
		return p.url
	}
	return "http://127.0.0.1:1"
}

func (n *installation) noteWait(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.longest = max(n.longest, d)
}

// receive does what webhooks are meant to: a message has its effect once, by its
// id.
func (n *installation) receive(_ http.ResponseWriter, r *http.Request) {
	var event struct {
		Position string `json:"tansuposition"`
		Data     struct{ Name string }
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		n.t.Error(err)
		return
	}
	var tenant string
	var number int
	if _, err := fmt.Sscanf(event.Data.Name, "%s %d", &tenant, &number); err != nil {
		n.t.Error(err)
		return
	}
	n.mu.Lock()
	if id := r.Header.Get("Webhook-Id"); n.done[id] {
		n.repeated++
	} else {
		n.done[id] = true
		n.effects[tenant] = append(n.effects[tenant], number)
	}
	holding := n.holding
	n.mu.Unlock()
	if holding == nil {
		return
	}
	select {
	case holding.first <- event.Position:
	default:
	}
	<-holding.release
}

// loseEvents deletes the queues from which projections take what was committed.
// Those of jobs stay: a job whose message is lost waits for a minute.
func (n *installation) loseEvents() {
	conn, err := amqp.Dial(n.broker.URL())
	require.NoError(n.t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(n.t, err)
	for _, name := range []string{tenantdirectory.Name, webhooks.Name, webhooks.Saga} {
		for partition := range bus.Partitions { // those that are not there are left out
			_, err := ch.QueueDelete(fmt.Sprintf("tansu.events.projection.%s.p%d", name, partition), false, false, false)
			require.NoError(n.t, err)
		}
	}
}

// killDelivering kills a node that has sent a message and has no answer yet.
func (n *installation) killDelivering(pool *pgxpool.Pool, webhook string) (id string) {
	h := &held{make(chan string, 1), make(chan struct{})}
	defer close(h.release)
	hold := func(h *held) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.holding = h
	}
	hold(h)
	defer hold(nil)
	select {
	case position := <-h.first:
		require.NoError(n.t, pool.QueryRow(n.t.Context(), `SELECT worker FROM jobs WHERE tenant_id = $1 AND kind = 'webhook.deliver' AND key = $2`,
			eventstore.SystemTenant, webhook+"/"+position).Scan(&id))
	case <-time.After(2 * time.Minute):
		require.Fail(n.t, "nothing is delivered")
	}
	n.kill(id)
	return id
}

// reply is the answer of a node, or of a later one to the same request.
type reply struct {
	position string
	body     map[string]any
}

// send repeats a request at whichever node runs until one answers. A command has
// the same idempotency key each time, so it takes effect once.
func (n *installation) send(method, path, tenant, position string, body any) (reply, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	key := uuid.NewString()
	last := ""
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		r, retry, err := n.try(method, path, tenant, position, key, encoded)
		if !retry {
			return r, err
		}
		last = err.Error()
		timer := time.NewTimer(20 * time.Millisecond)
		<-timer.C
	}
	return reply{}, fmt.Errorf("%s %s got no answer for two minutes: %s", method, path, last)
}

func (n *installation) try(method, path, tenant, position, key string, body []byte) (r reply, retry bool, err error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), 15*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, n.url()+path, bytes.NewReader(body))
	if err != nil {
		return r, false, err
	}
	request.Header.Set("Authorization", "Bearer "+nodesToken)
	request.Header.Set("Content-Type", "application/json")
	if tenant != "" {
		request.Header.Set("X-Tenant-Id", tenant)
	}
	if method == http.MethodGet {
		request.Header.Set("Tansu-Min-Position", position)
	} else {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return r, true, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return r, true, err
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		return r, true, fmt.Errorf("%d %s", response.StatusCode, text)
	case response.StatusCode >= 300:
		return r, false, fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
	r.position = response.Header.Get("Tansu-Position")
	return r, false, json.Unmarshal(text, &r.body)
}

// write changes a tenant of its own and a webhook in that tenant until stop is
// closed, and reads each change at some node. It returns how many there were.
func (n *installation) write(tenant string, stop <-chan struct{}, changes *atomic.Int64) (int, error) {
	created, err := n.send(http.MethodPost, "/v1/tenants", "", "", map[string]any{"slug": tenant, "name": tenant})
	if err != nil {
		return 0, err
	}
	tenantPath := "/v1/tenants/" + created.body["id"].(string)
	if _, err := n.send(http.MethodGet, tenantPath, "", created.position, nil); err != nil {
		return 0, err
	}
	hook, err := n.send(http.MethodPost, "/v1/webhooks", tenant, "", map[string]any{ // is changed and gets nothing
		"url": n.receiver.URL, "topics": []any{map[string]any{"type": "none.such"}}})
	if err != nil {
		return 0, err
	}
	hookPath := "/v1/webhooks/" + hook.body["id"].(string)
	for number := 1; ; number++ {
		text := fmt.Sprintf("%s %d", tenant, number)
		for _, change := range []struct {
			path, write, tenant, field string
			body                       any
		}{
			{tenantPath, tenantPath + "/name", "", "name", map[string]any{"name": text}},
			{hookPath, hookPath, tenant, "description", map[string]any{
				"url": n.receiver.URL, "topics": []any{map[string]any{"type": "none.such"}}, "description": text}},
		} {
			written, err := n.send(http.MethodPut, change.write, change.tenant, "", change.body)
			if err != nil {
				return number, err
			}
			began := time.Now()
			read, err := n.send(http.MethodGet, change.path, change.tenant, written.position, nil)
			if err != nil || read.body[change.field] != text {
				return number, fmt.Errorf("read %v after writing %q: %w", read.body[change.field], text, err)
			}
			n.noteWait(time.Since(began))
			changes.Add(1)
		}
		select {
		case <-stop:
			return number, nil
		default:
		}
	}
}

// readModels are all rows of the read models of every tenant.
func readModels(t *testing.T, pool *pgxpool.Pool) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for _, name := range []string{"tenant_directory", "webhooks", "dead_letters"} {
		found, err := pool.Query(t.Context(), `SELECT to_jsonb(r)::text FROM `+pgx.Identifier{name}.Sanitize()+` r ORDER BY 1`)
		require.NoError(t, err)
		rows[name], err = pgx.CollectRows(found, pgx.RowTo[string])
		require.NoError(t, err)
	}
	return rows
}

// Of three processes one is killed every few seconds, the first one while it
// delivers, the broker loses the queues of events and is stopped, while tenants are
// written to through whatever runs. Each write can be read at every node, the
// webhook gets every event, in order for each tenant and with one id however often
// it comes, so that its effect happens once; each job is done, and in the end the
// read models equal a rebuild.
func TestThreeNodesOfWhichOneIsKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	defer pool.Close()
	n := newInstallation(t, dsn)
	n.start("one", "two", "three")
	hook, err := n.send(http.MethodPost, "/v1/webhooks", "", "", map[string]any{
		"url": n.receiver.URL, "topics": []any{map[string]any{"type": "tenant.renamed"}}})
	require.NoError(t, err)
	stop, tenants := make(chan struct{}), []string{"acme", "bolt", "cobalt", "delta"}
	last := map[string]int{}
	var changes atomic.Int64
	var writers sync.WaitGroup
	for _, tenant := range tenants {
		writers.Go(func() {
			number, err := n.write(tenant, stop, &changes)
			if err != nil {
				t.Error(err)
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			last[tenant] = number
		})
	}
	// progress waits for further changes; writers go on without a killed node.
	progress := func() {
		t.Helper()
		from := changes.Load()
		require.Eventually(t, func() bool { return changes.Load() >= from+20 || t.Failed() }, 2*time.Minute, 10*time.Millisecond)
	}

	n.start(n.killDelivering(pool, hook.body["id"].(string)))
	progress()
	killAny := func() {
		names := n.names()
		n.kill(names[rand.IntN(len(names))])
	}
	killAny()
	progress() // when its leases have run out
	n.start("successor")
	n.loseEvents()
	progress()
	require.NoError(t, n.broker.Stop(t.Context()))
	killAny()
	n.start("without broker")
	progress()
	require.NoError(t, n.broker.Start(t.Context()))
	progress()
	close(stop)
	writers.Wait()
	require.False(t, t.Failed())

	t.Logf("%d changes, the longest wait for one %v", changes.Load(), n.longest)
	n.equalsARebuild(dsn, pool)
	n.everyEffectOnce(pool, last)
}

// everyEffectOnce waits for the effects of all changes, up to the last number of
// each tenant, and for the end of the jobs.
func (n *installation) everyEffectOnce(pool *pgxpool.Pool, last map[string]int) {
	received := func() (effects map[string][]int, messages, repeated int) {
		n.mu.Lock()
		defer n.mu.Unlock()
		return maps.Clone(n.effects), len(n.done), n.repeated
	}
	require.Eventually(n.t, func() bool {
		effects, _, _ := received()
		for tenant, number := range last {
			if len(effects[tenant]) < number {
				return false
			}
		}
		return true
	}, 3*time.Minute, 20*time.Millisecond, "the webhook must get every event")
	require.Eventually(n.t, func() bool { // over which the first node was killed only when its lease has run out
		_, messages, _ := received()
		var jobs, done int
		err := pool.QueryRow(n.t.Context(),
			`SELECT count(*), count(*) FILTER (WHERE state = 'done') FROM jobs WHERE kind = 'webhook.deliver'`).Scan(&jobs, &done)
		return err == nil && jobs == messages && done == jobs
	}, time.Minute, 20*time.Millisecond, "there must be one job for each message, and it must be done")
	effects, messages, repeated := received()
	for tenant, number := range last {
		require.IsIncreasing(n.t, effects[tenant], tenant)
		require.Len(n.t, effects[tenant], number)
	}
	require.NotZero(n.t, repeated, "a node was killed over a delivery")
	n.t.Logf("%d messages, %d came more than once", messages, repeated)
}

func (n *installation) equalsARebuild(dsn string, pool *pgxpool.Pool) {
	client := []string{"TANSU_SERVER=" + n.url(), "TANSU_TOKEN=" + nodesToken}
	before := readModels(n.t, pool)
	require.Len(n.t, before["tenant_directory"], 4)
	require.Len(n.t, before["webhooks"], 5)
	for name := range before {
		code, _, stderr := invoke(n.t, client, "projections", "rebuild", name, "--wait")
		require.Zero(n.t, code, stderr)
	}
	require.Equal(n.t, before, readModels(n.t, pool))
	code, _, stderr := invoke(n.t, client, "audit", "verify", "--dsn", dsn)
	require.Zero(n.t, code, stderr)
}
