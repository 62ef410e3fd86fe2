package migrate_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/migrate"
	"tansu.cloud/platform/postgrestest"
	schema "tansu.cloud/sql"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func migrator(t *testing.T, dsn string) *migrate.Migrator {
	t.Helper()
	m, err := migrate.Open(dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func files(t *testing.T) []string {
	t.Helper()
	entries, err := fs.ReadDir(schema.Migrations, "migrations")
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func names(migrations []migrate.Migration) []string {
	var names []string
	for _, m := range migrations {
		names = append(names, m.Name)
	}
	return names
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func TestApplyOnceIsEnough(t *testing.T) {
	t.Parallel()
	m := migrator(t, postgrestest.NewEmptyDSN(t))
	version, err := m.Version(t.Context())
	require.NoError(t, err)
	require.Zero(t, version)

	applied, err := m.Apply(t.Context())
	require.NoError(t, err)
	require.Equal(t, files(t), names(applied))
	version, err = m.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, m.Expected(), version)

	applied, err = m.Apply(t.Context())
	require.NoError(t, err)
	require.Empty(t, applied)
}

func TestPlanWritesNothing(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewEmptyDSN(t)
	m := migrator(t, dsn)
	planned, err := m.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, files(t), names(planned))
	var relations int
	require.NoError(t, connect(t, dsn).QueryRow(t.Context(),
		"SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").Scan(&relations))
	require.Zero(t, relations)

	_, err = m.Apply(t.Context())
	require.NoError(t, err)
	planned, err = m.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, planned)
}

func TestProcessesThatMigrateAtOnceShareTheWork(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewEmptyDSN(t)
	const processes = 4
	results, errs := make(chan []migrate.Migration, processes), make(chan error, processes)
	for range processes {
		m := migrator(t, dsn)
		go func() {
			applied, err := m.Apply(t.Context())
			results <- applied
			errs <- err
		}()
	}
	var applied []string
	for range processes {
		applied = append(applied, names(<-results)...)
		require.NoError(t, <-errs)
	}
	require.Equal(t, files(t), applied, "each migration ran once")
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	m := migrator(t, dsn)
	_, err := connect(t, dsn).Exec(t.Context(),
		"INSERT INTO "+migrate.VersionTable+" (version_id, is_applied) VALUES ($1, true)", m.Expected()+1)
	require.NoError(t, err)
	for _, try := range []func(context.Context) ([]migrate.Migration, error){m.Plan, m.Apply} {
		_, err := try(t.Context())
		var newer *migrate.NewerError
		require.ErrorAs(t, err, &newer)
		require.Equal(t, migrate.NewerError{Database: m.Expected() + 1, Binary: m.Expected()}, *newer)
		require.ErrorContains(t, err, "newer tansu")
	}
}

func TestAFailedMigrationChangesNothing(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewEmptyDSN(t)
	broken := fstest.MapFS{
		"00001_good.sql": {Data: []byte("-- +goose Up\nCREATE TABLE good (id int);\n")},
		"00002_bad.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE half (id int);\nSELECT 1/0;\n")},
	}
	m, err := migrate.OpenFS(dsn, broken)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	_, err = m.Apply(t.Context())
	require.ErrorContains(t, err, "00002_bad.sql")
	require.ErrorContains(t, err, "division by zero")
	version, err := m.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), version)
	var half bool
	require.NoError(t, connect(t, dsn).QueryRow(t.Context(), "SELECT to_regclass('half') IS NOT NULL").Scan(&half))
	require.False(t, half)
}

func TestEveryTableSaysHowItIsDistributed(t *testing.T) {
	t.Parallel()
	rows, err := connect(t, postgrestest.NewDSN(t)).Query(t.Context(), `
		SELECT c.relname, coalesce(obj_description(c.oid), '')
		FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`)
	require.NoError(t, err)
	tables := 0
	var table, comment string
	_, err = pgx.ForEachRow(rows, []any{&table, &comment}, func() error {
		tables++
		kind, found := strings.CutPrefix(comment, "distribution: ")
		require.True(t, found, "table %s: call distribute('%s', …) in its migration", table, table)
		require.Contains(t, []string{"tenant", "reference", "single", "local"}, kind, table)
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, tables, 5)
}

// A tenant's rows must be found by its id alone: it leads every unique key.
func TestTenantTablesAreKeyedByTenant(t *testing.T) {
	t.Parallel()
	rows, err := connect(t, postgrestest.NewDSN(t)).Query(t.Context(), `
		SELECT c.relname, i.relname, a.attname
		FROM pg_index x
		JOIN pg_class c ON c.oid = x.indrelid
		JOIN pg_class i ON i.oid = x.indexrelid
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
		WHERE c.relnamespace = 'public'::regnamespace AND x.indisunique
		  AND obj_description(c.oid) = 'distribution: tenant'`)
	require.NoError(t, err)
	var table, index, column string
	_, err = pgx.ForEachRow(rows, []any{&table, &index, &column}, func() error {
		require.Equal(t, "tenant_id", column, "%s of %s", index, table)
		return nil
	})
	require.NoError(t, err)
}
