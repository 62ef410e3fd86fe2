package tenantdb_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/tenantdb"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/sql/db"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var _ db.DBTX = (*tenantdb.DB)(nil)

// newPool has few connections, and counts what is sent on them.
func newPool(t *testing.T, connections int32) (*pgxpool.Pool, *atomic.Int64) {
	t.Helper()
	config, err := pgxpool.ParseConfig(postgrestest.NewDSN(t))
	require.NoError(t, err)
	config.MaxConns = connections
	config.AfterConnect = tenantdb.AfterConnect
	var sent atomic.Int64
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return countingConn{conn, &sent}, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, &sent
}

type countingConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c countingConn) Write(b []byte) (int, error) {
	c.sent.Add(1)
	return c.Conn.Write(b)
}

// newHeads gives each of some tenants a head.
func newHeads(t *testing.T, pool *pgxpool.Pool, n int) []uuid.UUID {
	t.Helper()
	tenants := make([]uuid.UUID, n)
	for i := range tenants {
		tenants[i] = uuid.New()
	}
	_, err := pool.Exec(t.Context(), "INSERT INTO heads SELECT unnest($1::uuid[]), 1, '', now()", tenants)
	require.NoError(t, err)
	return tenants
}

func within(t *testing.T, tenant uuid.UUID) context.Context {
	return tenantscope.Within(t.Context(), tenant)
}

// visible returns whose heads a query for all of them sees.
func visible(ctx context.Context, t *testing.T, tx db.DBTX) []uuid.UUID {
	t.Helper()
	rows, err := tx.Query(ctx, "SELECT tenant_id FROM heads")
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	return ids
}

func TestATenantSeesItsOwnRowsOnly(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 2)
	tenants := newHeads(t, pool, 3)
	wall := tenantdb.New(pool)
	queries := db.New(wall)

	require.Equal(t, tenants[:1], visible(within(t, tenants[0]), t, wall))
	require.Empty(t, visible(t.Context(), t, wall), "without a tenant there is nothing")
	require.Empty(t, visible(within(t, uuid.New()), t, wall))
	require.Equal(t, tenants[1:2], visible(within(t, tenants[0]), t, tenantdb.Of(pool, tenants[1])), "whatever the context says")

	head, err := queries.Head(within(t, tenants[0]), tenants[0])
	require.NoError(t, err)
	require.Equal(t, tenants[0], head.TenantID)
	for name, ctx := range map[string]context.Context{"another": within(t, tenants[1]), "none": t.Context()} {
		_, err = queries.Head(ctx, tenants[0])
		require.ErrorIs(t, err, pgx.ErrNoRows, name)
	}
	require.Len(t, visible(t.Context(), t, pool), 3, "the owner sees all")
}

func TestATransactionSeesTheTenantOfItsContext(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	tenants := newHeads(t, pool, 2)
	in := func(ctx context.Context, act func(tx pgx.Tx)) {
		require.NoError(t, pgx.BeginTxFunc(ctx, pool, tenantdb.Begin(ctx, pgx.RepeatableRead), func(tx pgx.Tx) error {
			act(tx)
			return nil
		}))
	}
	in(within(t, tenants[1]), func(tx pgx.Tx) {
		require.Equal(t, tenants[1:], visible(t.Context(), t, tx))
		var isolation string
		require.NoError(t, tx.QueryRow(t.Context(), "SHOW transaction_isolation").Scan(&isolation))
		require.Equal(t, "repeatable read", isolation)
	})
	in(t.Context(), func(tx pgx.Tx) { require.Empty(t, visible(t.Context(), t, tx)) })
	require.Len(t, visible(t.Context(), t, pool), 2, "the connection is the owner's again")
}

func TestNothingIsWritten(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	tenants := newHeads(t, pool, 1)
	wall, ctx := tenantdb.New(pool), within(t, tenants[0])
	_, err := wall.Exec(ctx, "DELETE FROM heads")
	require.ErrorIs(t, err, tenantdb.ErrReadOnly)
	for _, statement := range []string{
		"DELETE FROM heads RETURNING position", "UPDATE heads SET position = 2 RETURNING position",
		"INSERT INTO leases VALUES ('l', 'h', 1, now())", "CREATE TEMPORARY TABLE t AS SELECT * FROM heads",
		"SELECT nextval(pg_get_serial_sequence('jobs', 'seq'))", "SELECT 1 FROM passwords", "SELECT payload FROM jobs",
	} {
		var none any
		err := wall.QueryRow(ctx, statement).Scan(&none)
		var refusal *pgconn.PgError
		require.ErrorAs(t, err, &refusal, statement)
		require.Contains(t, []string{"25006", "42501"}, refusal.Code, "%s: %v", statement, err) // read only, not permitted
	}
	require.Equal(t, tenants, visible(ctx, t, wall))
}

// TestFailuresLeaveTheConnection as it was: the pool has one, which stays the same
// and belongs to the owner afterwards.
func TestFailuresLeaveTheConnection(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	tenants := newHeads(t, pool, 2)
	wall, ctx := tenantdb.New(pool), within(t, tenants[0])
	backend := func() (pid int) {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
		return pid
	}
	before := backend()
	var n int
	var text string
	for name, fail := range map[string]func() error{
		"syntax":        func() error { return wall.QueryRow(ctx, "SELEC 1").Scan(&n) },
		"no such table": func() error { return wall.QueryRow(ctx, "SELECT 1 FROM nowhere").Scan(&n) },
		"at the first":  func() error { return wall.QueryRow(ctx, "SELECT 1/0").Scan(&n) },
		"too few":       func() error { return wall.QueryRow(ctx, "SELECT $1::int").Scan(&n) },
		"not encodable": func() error { return wall.QueryRow(ctx, "SELECT $1::int", make(chan int)).Scan(&n) },
		"not scannable": func() error { return wall.QueryRow(ctx, "SELECT ARRAY[1]").Scan(&text) },
		"no rows":       func() error { return wall.QueryRow(ctx, "SELECT 1 WHERE false").Scan(&n) },
		"already over": func() error {
			over, cancel := context.WithCancel(ctx)
			cancel()
			return wall.QueryRow(over, "SELECT 1").Scan(&n)
		},
		"at a later row": func() error {
			rows, err := wall.Query(ctx, "SELECT 1/(3-i) FROM generate_series(1, 5) i")
			require.NoError(t, err)
			read := 0
			for rows.Next() {
				read++
			}
			require.Equal(t, 2, read)
			return rows.Err()
		},
	} {
		require.Error(t, fail(), name)
		require.Equal(t, before, backend(), name)
		require.Equal(t, tenants[:1], visible(ctx, t, wall), name)
		require.Len(t, visible(t.Context(), t, pool), 2, name)
	}

	rows, err := wall.Query(ctx, "SELECT i FROM generate_series(1, 100000) i")
	require.NoError(t, err)
	require.True(t, rows.Next())
	rows.Close()
	rows.Close()
	require.NoError(t, rows.Err())
	require.False(t, rows.Next())
	require.Equal(t, before, backend(), "given back once, half read")
	require.Panics(t, func() { _ = wall.QueryRow(ctx, "SELECT 1").Scan(panicking{}) })
	require.Equal(t, before, backend(), "given back by a panic")
}

type panicking struct{}

func (panicking) Scan(any) error { panic("scanned") }

func TestCancelledInTheMiddle(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	tenants := newHeads(t, pool, 1)
	wall := tenantdb.New(pool)
	ctx, cancel := context.WithCancel(within(t, tenants[0]))
	rows, err := wall.Query(ctx, "SELECT i FROM generate_series(1, 10000000) i")
	require.NoError(t, err)
	require.True(t, rows.Next())
	cancel()
	for rows.Next() {
	}
	require.ErrorIs(t, rows.Err(), context.Canceled)
	require.Equal(t, tenants, visible(within(t, tenants[0]), t, wall))
	require.EqualValues(t, 0, pool.Stat().AcquiredConns())
}

// TestTenantsAtOnce share two connections and never see each other's row.
func TestTenantsAtOnce(t *testing.T) {
	t.Parallel()
	pool, sent := newPool(t, 2)
	tenants := newHeads(t, pool, 50)
	wall := tenantdb.New(pool)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for round := range 100 {
				tenant, other := tenants[(i*7+round)%50], tenants[(i*7+round+1)%50]
				ctx := within(t, tenant)
				var seen uuid.UUID
				var n int
				if err := wall.QueryRow(ctx, "SELECT tenant_id, count(*) OVER () FROM heads").Scan(&seen, &n); err != nil || seen != tenant || n != 1 {
					t.Errorf("tenant %s saw %d rows, the first of %s: %v", tenant, n, seen, err)
				}
				if err := wall.QueryRow(ctx, "SELECT tenant_id FROM heads WHERE tenant_id = $1", other).Scan(&seen); err != pgx.ErrNoRows {
					t.Errorf("tenant %s asked for %s and got %s: %v", tenant, other, seen, err)
				}
				if round%10 == 0 {
					_ = wall.QueryRow(ctx, "SELECT 1/0").Scan(&n)
					if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM heads").Scan(&n); err != nil || n != 50 {
						t.Errorf("the owner saw %d rows: %v", n, err)
					}
				}
			}
		})
	}
	all.Wait()

	ctx := within(t, tenants[0])
	_ = visible(ctx, t, wall)
	before := sent.Load()
	_ = visible(ctx, t, wall)
	require.EqualValues(t, 1, sent.Load()-before, "a query is one round trip")
	var prepared int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_prepared_statements").Scan(&prepared))
	require.Less(t, prepared, 10, "the statements that name tenants are not kept")
}

// TestReplacedTables: a read model's next generation may have columns of other types.
func TestReplacedTables(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	wall, tenant := tenantdb.New(pool), uuid.New()
	const query = "SELECT shown FROM model WHERE tenant_id = $1"
	for generation, column := range []string{"7::bigint", "'seven'::text", "true"} {
		_, err := pool.Exec(t.Context(), fmt.Sprintf(`
			DROP VIEW IF EXISTS model;
			CREATE SCHEMA model_g%[1]d;
			CREATE TABLE model_g%[1]d.model AS SELECT '%[2]s'::uuid AS tenant_id, %[3]s AS shown;
			SELECT wall('model_g%[1]d.model');
			CREATE VIEW model WITH (security_invoker = true) AS SELECT * FROM model_g%[1]d.model;
			GRANT USAGE ON SCHEMA model_g%[1]d TO tansu_tenant;
			GRANT SELECT ON model, model_g%[1]d.model TO tansu_tenant`, generation, tenant, column))
		require.NoError(t, err)
		var shown any
		for range 7 { // then with a plan of its own
			require.NoError(t, wall.QueryRow(within(t, tenant), query, tenant).Scan(&shown))
			require.Equal(t, []any{int64(7), "seven", true}[generation], shown)
			require.ErrorIs(t, wall.QueryRow(within(t, uuid.New()), query, tenant).Scan(&shown), pgx.ErrNoRows)
		}
	}
}

// TestBehindAPooler that keeps no prepared statements.
func TestBehindAPooler(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(postgrestest.NewDSN(t) + "&default_query_exec_mode=describe_exec")
	require.NoError(t, err)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer pool.Close()
	tenants := newHeads(t, pool, 2)
	wall := tenantdb.New(pool)
	head, err := db.New(wall).Head(within(t, tenants[0]), tenants[0])
	require.NoError(t, err)
	require.Equal(t, tenants[0], head.TenantID)
	_, err = db.New(wall).Head(within(t, tenants[0]), tenants[1])
	require.ErrorIs(t, err, pgx.ErrNoRows)
	var prepared int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_prepared_statements").Scan(&prepared))
	require.Zero(t, prepared)
}
