package migrate_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/migrate"
	"tansu.cloud/platform/postgrestest"
	schema "tansu.cloud/sql"
)

// before returns the migrations in front of one.
func before(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	older := fstest.MapFS{}
	for _, file := range files(t) {
		if file < name {
			data, err := fs.ReadFile(schema.Migrations, "migrations/"+file)
			require.NoError(t, err)
			older[file] = &fstest.MapFile{Data: data}
		}
	}
	return older
}

// TestGenerationsThatExistGetTheWall: an installation has filled its read models
// before it is migrated.
func TestGenerationsThatExistGetTheWall(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewEmptyDSN(t)
	older, err := migrate.OpenFS(dsn, before(t, "00010_"))
	require.NoError(t, err)
	_, err = older.Apply(t.Context())
	require.NoError(t, err)
	require.NoError(t, older.Close())
	conn, mine, other := connect(t, dsn), uuid.New(), uuid.New()
	generation := func(name, table string) {
		_, err := conn.Exec(t.Context(), fmt.Sprintf(`CREATE SCHEMA %[1]s; CREATE TABLE %[1]s.%[2]s (tenant_id uuid PRIMARY KEY);
			SELECT distribute('%[1]s.%[2]s', 'tenant'); INSERT INTO %[1]s.%[2]s VALUES ('%[3]s'), ('%[4]s')`, name, table, mine, other))
		require.NoError(t, err)
	}
	generation("access_g4", "members")
	generation("access_g5", "members")
	generation("webhook_deliveries_g1", "webhook_subscriptions")
	_, err = conn.Exec(t.Context(), `CREATE VIEW members AS SELECT * FROM access_g4.members;
		CREATE VIEW webhook_subscriptions AS SELECT * FROM webhook_deliveries_g1.webhook_subscriptions;
		CREATE VIEW of_the_administrator AS SELECT 1 AS tenant_id`)
	require.NoError(t, err)
	_, err = migrator(t, dsn).Apply(t.Context())
	require.NoError(t, err)

	seen := func(setting, table string) (tenants []uuid.UUID, err error) {
		err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE tansu_tenant; SET LOCAL tansu.tenant = '"+setting+"'"); err != nil {
				return err
			}
			rows, err := tx.Query(t.Context(), "SELECT tenant_id FROM "+table)
			if err != nil {
				return err
			}
			tenants, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			return err
		})
		return tenants, err
	}
	for _, table := range []string{"members", "access_g4.members", "access_g5.members"} {
		tenants, err := seen(mine.String(), table)
		require.NoError(t, err, table)
		require.Equal(t, []uuid.UUID{mine}, tenants, table)
		tenants, err = seen("", table)
		require.NoError(t, err, table)
		require.Empty(t, tenants, table)
	}
	for _, table := range []string{"webhook_subscriptions", "webhook_deliveries_g1.webhook_subscriptions", "of_the_administrator", "passwords"} {
		_, err := seen(mine.String(), table)
		var refusal *pgconn.PgError
		require.ErrorAs(t, err, &refusal, table)
		require.Equal(t, "42501", refusal.Code, table)
	}
}

// TestAUserWhoMayNotMakeRoles is told what an administrator has to do, and then
// needs nothing else.
func TestAUserWhoMayNotMakeRoles(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(postgrestest.NewEmptyDSN(t))
	require.NoError(t, err)
	admin := connect(t, dsn.String())
	_, err = admin.Exec(t.Context(), fmt.Sprintf(`CREATE ROLE "plain user" LOGIN PASSWORD 'p'; ALTER DATABASE %s OWNER TO "plain user"`,
		pgx.Identifier{dsn.Path[1:]}.Sanitize()))
	require.NoError(t, err)
	dsn.User = url.UserPassword("plain user", "p")
	m := migrator(t, dsn.String())
	_, err = m.Apply(t.Context())
	require.ErrorContains(t, err, `the database user "plain user" may not make the role tansu_tenant, or not take it. As an administrator run: `+
		`CREATE ROLE tansu_tenant NOLOGIN; GRANT tansu_tenant TO "plain user"; then migrate again`)

	postgrestest.NewDSN(t) // has the role
	_, err = admin.Exec(t.Context(), `GRANT tansu_tenant TO "plain user"`)
	require.NoError(t, err)
	_, err = m.Apply(t.Context())
	require.NoError(t, err)
	conn := connect(t, dsn.String())
	_, err = conn.Exec(t.Context(), "INSERT INTO heads VALUES (gen_random_uuid(), 1, '', now())")
	require.NoError(t, err)
	for user, heads := range map[string]int{"tansu_tenant": 0, "NONE": 1} {
		_, err = conn.Exec(t.Context(), "SET ROLE "+user)
		require.NoError(t, err)
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM heads").Scan(&n))
		require.Equal(t, heads, n, user)
	}
}

// TestDatabasesOfAClusterThatMigrateAtOnce all need the one role.
func TestDatabasesOfAClusterThatMigrateAtOnce(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	admin := connect(t, server.DSN())
	const databases = 4
	errs := make(chan error, databases)
	var migrators []*migrate.Migrator
	for i := range databases {
		_, err := admin.Exec(t.Context(), fmt.Sprintf("CREATE DATABASE more_%d", i))
		require.NoError(t, err)
		dsn, err := url.Parse(server.DSN())
		require.NoError(t, err)
		dsn.Path = fmt.Sprintf("/more_%d", i)
		migrators = append(migrators, migrator(t, dsn.String()))
	}
	_, err := admin.Exec(t.Context(), "DROP OWNED BY tansu_tenant; DROP ROLE tansu_tenant")
	require.NoError(t, err)
	for _, m := range migrators {
		go func() {
			_, err := m.Apply(t.Context())
			errs <- err
		}()
	}
	for range databases {
		require.NoError(t, <-errs)
	}
}
