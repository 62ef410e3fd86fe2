// Package postgrestest gives tests a real PostgreSQL: one private server per
// test binary, and per test a fresh database with the current schema, cloned
// from a template, so that all tests run in parallel.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/adrg/xdg"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/embedded"
	"tansu.cloud/platform/migrate"
)

const (
	template     = "template_tansu"
	startTimeout = 3 * time.Minute // of a loaded machine, with a download
	stopTimeout  = time.Minute
	poolSize     = 8
)

// shared is the test binary's server, started by the first test that asks.
var shared struct {
	once   sync.Once
	main   bool
	dir    string
	server *embedded.Server
	err    error
}

// Main runs the tests and stops the shared server afterwards, and what else is
// given, such as rabbitmqtest.Stop.
func Main(m *testing.M, stops ...func() error) {
	shared.main = true
	code := m.Run()
	for _, stop := range append(stops, stopShared) {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, "after the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// New returns a pool on a fresh, migrated database that is dropped at cleanup.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(NewDSN(t))
	require.NoError(t, err)
	config.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// NewDSN returns the DSN of a fresh, migrated database that is dropped at
// cleanup, whoever is still connected to it.
func NewDSN(t testing.TB) string {
	t.Helper()
	return create(t, template)
}

// NewEmptyDSN is NewDSN without the schema.
func NewEmptyDSN(t testing.TB) string {
	t.Helper()
	return create(t, "template0")
}

func create(t testing.TB, from string) string {
	t.Helper()
	require.True(t, shared.main, "add to this package: func TestMain(m *testing.M) { postgrestest.Main(m) }")
	shared.once.Do(startShared)
	require.NoError(t, shared.err)
	name := pgx.Identifier{"test_" + uuid.NewString()}
	require.NoError(t, execute(t.Context(), "CREATE DATABASE "+name.Sanitize()+" TEMPLATE "+from))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		require.NoError(t, execute(ctx, "DROP DATABASE "+name.Sanitize()+" WITH (FORCE)"))
	})
	dsn, err := url.Parse(shared.server.DSN())
	require.NoError(t, err)
	dsn.Path = "/" + name[0]
	return dsn.String()
}

// Server returns a private server of the test's own, durable like the one that
// users run and with the schema in its database, for tests that kill it.
func Server(t testing.TB) *embedded.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	server, err := embedded.Start(ctx, config(DataDir(t), nil))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	require.NoError(t, applyMigrations(ctx, server.DSN()))
	return server
}

// DataDir is t.TempDir with a short path, which a unix socket needs.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tansu-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func config(dir string, settings map[string]string) embedded.Config {
	return embedded.Config{
		DataDir:  dir,
		BinDir:   os.Getenv("TANSU_PG_BIN"),
		CacheDir: xdg.CacheHome + "/tansu",
		Settings: settings,
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// startShared gives up durability, which no test of a shared server observes.
func startShared() {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	shared.err = func() (err error) {
		if shared.dir, err = os.MkdirTemp("", "tansu-test-"); err != nil {
			return err
		}
		shared.server, err = embedded.Start(ctx, config(shared.dir, map[string]string{
			"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "400",
		}))
		if err != nil {
			return err
		}
		if err := execute(ctx, "CREATE DATABASE "+template+" TEMPLATE template0"); err != nil {
			return err
		}
		dsn, err := url.Parse(shared.server.DSN())
		if err != nil {
			return err
		}
		dsn.Path = "/" + template
		return applyMigrations(ctx, dsn.String())
	}()
}

func stopShared() error {
	var err error
	if shared.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		err = shared.server.Stop(ctx)
	}
	if shared.dir != "" {
		err = errors.Join(err, os.RemoveAll(shared.dir))
	}
	return err
}

func applyMigrations(ctx context.Context, dsn string) error {
	m, err := migrate.Open(dsn)
	if err != nil {
		return err
	}
	_, err = m.Apply(ctx)
	return errors.Join(err, m.Close())
}

// execute runs one statement on the shared server outside the tests' databases.
func execute(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, shared.server.DSN())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
