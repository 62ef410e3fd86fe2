// Package migrate brings a database's schema to the version of this binary:
// forward only, one process at a time, each migration in its transaction.
//
// It needs a direct connection. The lock that keeps processes apart belongs to
// a session, and a transaction pooler gives each statement another one.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	schema "tansu.cloud/sql"
)

// VersionTable records the migrations that have been applied.
const VersionTable = "schema_migrations"

// lockID keeps migrating processes apart; any constant that no other program on
// the database uses.
const lockID = 0x7a_6e_73_75

// lockWait seconds are waited for another process that migrates.
const lockWait = 300

// Migration is one numbered step of the schema.
type Migration struct {
	Version int64         `json:"version"`
	Name    string        `json:"name"`
	Took    time.Duration `json:"took,omitempty"`
}

// NewerError: the database has been migrated by a newer binary.
type NewerError struct{ Database, Binary int64 }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the database schema is at version %d and this tansu knows versions up to %d: it was migrated by a newer tansu; start that one, migrations only go forward", e.Database, e.Binary)
}

// Migrator applies one set of migrations to one database.
type Migrator struct {
	db    *sql.DB
	goose *goose.Provider
	last  int64
}

// Open prepares the migrations of this binary for the database at directDSN.
func Open(directDSN string) (*Migrator, error) {
	migrations, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return open(directDSN, migrations)
}

func open(directDSN string, migrations fs.FS) (*Migrator, error) {
	config, err := pgxpool.ParseConfig(directDSN) // a DSN may carry pool settings
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations, goose.WithTableName(VersionTable))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("migrate: %w", err), db.Close())
	}
	sources := provider.ListSources()
	return &Migrator{db: db, goose: provider, last: sources[len(sources)-1].Version}, nil
}

// Close ends the connections.
func (m *Migrator) Close() error { return m.db.Close() }

// Expected is the schema version that this binary works with.
func (m *Migrator) Expected() int64 { return m.last }

// Version is the database's schema version, 0 if it has none. It only reads.
func (m *Migrator) Version(ctx context.Context) (int64, error) {
	var exists bool
	if err := m.db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", VersionTable).Scan(&exists); err != nil {
		return 0, fmt.Errorf("read the schema version: %w", err)
	}
	if !exists {
		return 0, nil
	}
	var version int64
	err := m.db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+VersionTable+" WHERE is_applied").Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the schema version: %w", err)
	}
	return version, nil
}

// Plan returns what Apply would do, without writing anything.
func (m *Migrator) Plan(ctx context.Context) ([]Migration, error) {
	version, err := m.checkedVersion(ctx)
	if err != nil {
		return nil, err
	}
	var pending []Migration
	for _, source := range m.goose.ListSources() {
		if source.Version > version {
			pending = append(pending, Migration{Version: source.Version, Name: path.Base(source.Path)})
		}
	}
	return pending, nil
}

// Apply migrates the database to Expected and returns the steps it took. It
// waits while another process migrates, and then finds nothing left to do.
func (m *Migrator) Apply(ctx context.Context) (applied []Migration, err error) {
	if pending, err := m.Plan(ctx); err != nil || len(pending) == 0 {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID), lock.WithLockTimeout(1, lockWait))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := locker.SessionLock(ctx, conn); err != nil {
		return nil, fmt.Errorf("migrate: another process holds the migration lock: %w", err)
	}
	defer func() { err = errors.Join(err, locker.SessionUnlock(context.WithoutCancel(ctx), conn)) }()
	// The lock is around everything: goose's own covers neither its version
	// table nor the check for a newer database.
	if _, err := m.checkedVersion(ctx); err != nil {
		return nil, err
	}
	results, err := m.goose.Up(ctx)
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		return nil, fmt.Errorf("migration %s failed and was rolled back: %w", path.Base(partial.Failed.Source.Path), partial.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	for _, result := range results {
		applied = append(applied, Migration{Version: result.Source.Version, Name: path.Base(result.Source.Path), Took: result.Duration})
	}
	_, err = conn.ExecContext(ctx, "COMMENT ON TABLE "+VersionTable+" IS 'distribution: local'")
	return applied, err
}

func (m *Migrator) checkedVersion(ctx context.Context) (int64, error) {
	version, err := m.Version(ctx)
	if err == nil && version > m.last {
		return 0, &NewerError{Database: version, Binary: m.last}
	}
	return version, err
}
