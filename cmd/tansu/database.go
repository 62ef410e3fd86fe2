package main

import (
	"context"
	"errors"
	"log/slog"

	"tansu.cloud/platform/config"
	"tansu.cloud/platform/embedded"
	"tansu.cloud/platform/migrate"
)

// directDSN is the database that a tool works on: the configured one, else the
// private server of a `tansu dev` that runs on the data folder.
func directDSN(cfg config.Config) (string, error) {
	if dsn := cfg.Postgres.Direct(); dsn != "" {
		return dsn.Reveal(), nil
	}
	dsn, err := embedded.Running(cfg.DataDir)
	if err != nil {
		return "", usagef("no database to work on: %v; start tansu dev on it, or name a database with TANSU_POSTGRES_DSN", err)
	}
	return dsn, nil
}

func applyMigrations(ctx context.Context, dsn string, logger *slog.Logger) error {
	m, err := migrate.Open(dsn)
	if err != nil {
		return err
	}
	applied, err := m.Apply(ctx)
	for _, step := range applied {
		logger.InfoContext(ctx, "migration applied", "name", step.Name, "took", step.Took)
	}
	return errors.Join(err, m.Close())
}

// requireSchema refuses a database whose schema this binary does not work with.
func requireSchema(ctx context.Context, dsn string) (err error) {
	m, err := migrate.Open(dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	pending, err := m.Plan(ctx)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return usagef("%d migrations of the database schema are missing, from %s on; run tansu migrate", len(pending), pending[0].Name)
	}
	return nil
}
