package postgrestest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			pool := postgrestest.New(t)
			_, err := pool.Exec(t.Context(), "INSERT INTO heads VALUES (gen_random_uuid(), 1, '', now())")
			require.NoError(t, err)
			var heads int
			require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM heads").Scan(&heads))
			require.Equal(t, 1, heads)
		})
	}
}

func TestAnEmptyDatabaseHasNoTables(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), postgrestest.NewEmptyDSN(t))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var tables int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables))
	require.Zero(t, tables)
}

func TestAServerOfTheTestsOwnSurvivesAKill(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	insert := func() {
		conn, err := pgx.Connect(t.Context(), server.DSN())
		require.NoError(t, err)
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), "INSERT INTO heads VALUES (gen_random_uuid(), 1, '', now())")
		require.NoError(t, err)
	}
	insert()
	require.NoError(t, server.Kill())
	require.NoError(t, server.Restart(t.Context()))
	insert()
	conn, err := pgx.Connect(t.Context(), server.DSN())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var heads int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM heads").Scan(&heads))
	require.Equal(t, 2, heads)
}
