package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/postgrestest"
)

const crashRounds, crashDatabaseEvery = 60, 5

// A writer process is killed 60 times, and the database under it 12 times, at
// random moments. After each: every acknowledged append is in the log, once;
// positions are dense, versions right and the chain valid; and the read models
// are exactly what the log says at their checkpoints.
func TestCrash(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	pool, err := pgxpool.New(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	check := newCrashCheck(pool)

	for round := range crashRounds {
		writer := startCrashWriter(t, server.DSN(), "crash")
		writer.wait(t, 1+rand.IntN(300))
		if round%crashDatabaseEvery == 0 {
			require.NoError(t, server.Kill())
			require.NoError(t, server.Restart(t.Context()))
			writer.wait(t, 1+rand.IntN(100))
		}
		acknowledged := writer.kill(t)
		check.round(t, acknowledged)
		if t.Failed() {
			t.Fatalf("round %d of %d", round, crashRounds)
		}
	}
	check.finish(t, server.DSN())
	t.Logf("%d events and %d acknowledged appends in %d rounds", check.events(), check.acknowledged, crashRounds)
}

// Two processes append to the same tenants: no caller sees an error, and the
// logs are as if one had written them.
func TestTwoProcessesOnTheSameTenants(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	writers := []*crashProcess{startCrashWriter(t, dsn, "one"), startCrashWriter(t, dsn, "two")}
	for range 10 {
		for _, w := range writers {
			w.wait(t, 200)
		}
	}
	acknowledged := append(writers[0].kill(t), writers[1].kill(t)...)
	check := newCrashCheck(pool)
	check.round(t, acknowledged)
	t.Logf("%d events, %d acknowledged appends of two processes", check.events(), check.acknowledged)
}

type crashProcess struct {
	cmd    *exec.Cmd
	lines  chan string
	stderr *bytes.Buffer
	seen   []string
}

func startCrashWriter(t *testing.T, dsn, name string) *crashProcess {
	w := &crashProcess{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1<<16), stderr: &bytes.Buffer{}}
	w.cmd.Env = append(os.Environ(), crashWriterEnv+"="+dsn, crashNameEnv+"="+name)
	w.cmd.Stderr = w.stderr
	stdout, err := w.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, w.cmd.Start())
	go func() {
		defer close(w.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			w.lines <- scanner.Text()
		}
	}()
	return w
}

// wait returns after n more acknowledged appends.
func (w *crashProcess) wait(t *testing.T, n int) {
	t.Helper()
	timeout := time.After(time.Minute)
	for range n {
		select {
		case line, ok := <-w.lines:
			require.True(t, ok, "the writer ended: %s", w.stderr)
			w.seen = append(w.seen, line)
		case <-timeout:
			w.cmd.Process.Kill()
			require.Fail(t, "the writer makes no progress", "%s", w.stderr)
		}
	}
}

// kill ends the writer as a crash would and returns what it had acknowledged.
func (w *crashProcess) kill(t *testing.T) []string {
	t.Helper()
	require.NoError(t, w.cmd.Process.Kill())
	for line := range w.lines {
		w.seen = append(w.seen, line)
	}
	require.Error(t, w.cmd.Wait())

	// The last line may be cut off.
	if n := len(w.seen); n > 0 && len(strings.Fields(w.seen[n-1])) != 3 {
		w.seen = w.seen[:n-1]
	}
	return w.seen
}

// crashLog is what the check has seen of one tenant's log.
type crashLog struct {
	events   []eventstore.Event
	versions map[eventstore.Stream]int64
	ended    map[string]int64 // command id -> position of its last event
}

type crashCheck struct {
	pool         *pgxpool.Pool
	store        *postgres.Store
	codec        *eventstore.Codec
	logs         map[uuid.UUID]*crashLog
	acknowledged int
}

func newCrashCheck(pool *pgxpool.Pool) *crashCheck {
	return &crashCheck{
		pool: pool, store: postgres.New(pool, postgres.Options{}),
		codec: eventstore.NewCodec(commands.Registry(), postgres.NewSubjectKeys(pool, [32]byte{1})), logs: map[uuid.UUID]*crashLog{},
	}
}

func (c *crashCheck) events() (n int) {
	for _, l := range c.logs {
		n += len(l.events)
	}
	return n
}

func (c *crashCheck) round(t *testing.T, acknowledged []string) {
	// The server may still be at work on what the killed writer had sent.
	require.Eventually(t, func() bool {
		var sessions int
		err := c.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tansu' AND datname = current_database()`).Scan(&sessions)
		return err == nil && sessions == 0
	}, time.Minute, 5*time.Millisecond)
	for _, id := range append([]uuid.UUID{eventstore.SystemTenant}, crashTenants...) {
		c.follow(t, id)
	}
	for _, line := range acknowledged {
		var idText, key string
		var position int64
		_, err := fmt.Sscanf(line, "%s %s %d", &idText, &key, &position)
		require.NoError(t, err, line)
		id := uuid.MustParse(idText)
		log := c.logs[id].events
		require.LessOrEqual(t, position, int64(len(log)), "an acknowledged append is lost: %s", line)
		if id != eventstore.SystemTenant {
			require.Equal(t, position, c.logs[id].ended[key], line)
		}
	}
	c.acknowledged += len(acknowledged)
	c.readModel(t)
}

// follow reads what is new in a log and checks everything about it.
func (c *crashCheck) follow(t *testing.T, id uuid.UUID) {
	l := c.logs[id]
	if l == nil {
		l = &crashLog{versions: map[eventstore.Stream]int64{}, ended: map[string]int64{}}
		c.logs[id] = l
	}
	for {
		page, err := c.store.ReadLog(t.Context(), id, eventstore.LogQuery{After: int64(len(l.events))})
		require.NoError(t, err)
		for _, e := range page.Events {
			prev := eventstore.Hash{}
			if len(l.events) > 0 {
				prev = l.events[len(l.events)-1].Hash
			}
			require.Equal(t, int64(len(l.events)+1), e.Position)
			require.Equal(t, eventstore.ChainHash(prev, &e), e.Hash, "chain broken at %d", e.Position)
			l.versions[e.Stream]++
			require.Equal(t, l.versions[e.Stream], e.Version, "%s", e.Stream)
			meta, err := e.Meta()
			require.NoError(t, err)
			if before, used := l.ended[meta.CommandID]; used {
				require.Equal(t, before+1, e.Position, "command %s took effect twice", meta.CommandID)
			}
			l.ended[meta.CommandID] = e.Position
			l.events = append(l.events, e)
		}
		if page.Done {
			break
		}
	}
	head, err := c.store.Head(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, int64(len(l.events)), head.Position)
}

// readModel compares the tenant directory with a fold of the log up to its
// checkpoint.
func (c *crashCheck) readModel(t *testing.T) {
	tx, err := c.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`)
	require.NoError(t, err)
	var checkpoint int64
	require.NoError(t, tx.QueryRow(t.Context(), `
SELECT c.position FROM checkpoints c JOIN read_models r USING (projection, generation)
WHERE c.tenant_id = $1 AND c.projection = 'tenant_directory'`, eventstore.SystemTenant).Scan(&checkpoint))
	rows, err := tx.Query(t.Context(), `SELECT id || ' ' || slug || ' ' || name || ' ' || version FROM tenant_directory`)
	require.NoError(t, err)
	var got []string
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		got = append(got, s)
	}
	require.NoError(t, rows.Err())
	slices.Sort(got)
	require.Equal(t, c.fold(t, checkpoint), got, "read model at position %d", checkpoint)
}

func (c *crashCheck) fold(t *testing.T, upTo int64) []string {
	states, versions := map[string]tenant.State{}, map[string]int64{}
	for _, e := range c.logs[eventstore.SystemTenant].events[:upTo] {
		if e.Stream.Type != tenant.StreamType {
			continue
		}
		payload, err := c.codec.Decode(t.Context(), e)
		require.NoError(t, err)
		states[e.Stream.ID] = tenant.Apply(states[e.Stream.ID], payload.(tenant.Event))
		versions[e.Stream.ID] = e.Version
	}
	var want []string
	for id, s := range states {
		want = append(want, fmt.Sprintf("%s %s %s %d", id, s.Slug, s.Name, versions[id]))
	}
	slices.Sort(want)
	return want
}

// finish rebuilds the read model from scratch, as an operator would, and
// compares all rows.
func (c *crashCheck) finish(t *testing.T, dsn string) {
	const token = "token-of-the-crash-test"
	p := startProgram(t, append(serveEnv(t, dsn), "TANSU_NODE_ID=crash", "TANSU_OPERATOR_TOKEN="+token), "serve").ready()
	env := []string{"TANSU_SERVER=" + p.url, "TANSU_TOKEN=" + token}
	before := c.directory(t)
	code, _, stderr := invoke(t, env, "projections", "rebuild", "tenant_directory", "--wait")
	require.Zero(t, code, stderr)
	require.Equal(t, before, c.directory(t))
	for _, id := range append([]uuid.UUID{eventstore.SystemTenant}, crashTenants...) {
		code, _, stderr := invoke(t, env, "audit", "verify", "--dsn", dsn, "--tenant", id.String())
		require.Zero(t, code, stderr)
	}
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait())
}

func (c *crashCheck) directory(t *testing.T) (rows []string) {
	r, err := c.pool.Query(t.Context(), `SELECT to_jsonb(d)::text FROM tenant_directory d ORDER BY id`)
	require.NoError(t, err)
	for r.Next() {
		var s string
		require.NoError(t, r.Scan(&s))
		rows = append(rows, s)
	}
	require.NoError(t, r.Err())
	return rows
}
