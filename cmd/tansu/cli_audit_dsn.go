package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
)

// verifyDatabase verifies a log over a connection that can only read.
func (s *session) verifyDatabase(ctx context.Context, dsn string, known *eventstore.Head) (item[auditInfo], error) {
	none := item[auditInfo]{}
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return none, usagef("--dsn is not a connection string; use one like postgres://user@host:5432/tansu")
	}
	cfg.MaxConns = 1
	cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	// Who does not see all rows is refused, instead of finding a short log sound.
	cfg.ConnConfig.RuntimeParams["row_security"] = "off"
	cfg.ConnConfig.RuntimeParams["application_name"] = "tansu audit"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return none, fmt.Errorf("connect to the database: %w", err)
	}
	defer pool.Close()
	log := postgres.New(pool, postgres.Options{})
	id, err := s.tenantOf(ctx, log, known)
	if err != nil {
		return none, err
	}
	bar := s.startProgress(ctx, "events")
	defer bar.stop()
	report, err := eventstore.Verify(ctx, log, id, eventstore.VerifyOptions{
		Against: known, OnProgress: func(position, head int64) { bar.show(position, head, "") },
	})
	if err != nil {
		return none, fmt.Errorf("verify the log of tenant %s: %w", id, err)
	}
	bar.finish()
	return newItem(auditOf(report))
}

// tenantOf finds the tenant that --tenant names, or the export if that is not
// given, without any read model.
func (s *session) tenantOf(ctx context.Context, log eventstore.Reader, known *eventstore.Head) (uuid.UUID, error) {
	switch {
	case s.tenant == "" && known != nil:
		return known.TenantID, nil
	case s.tenant == "" || s.tenant == "system":
		return eventstore.SystemTenant, nil
	}
	if id, err := uuid.Parse(s.tenant); err == nil {
		return id, nil
	}
	holder, held, err := log.ClaimHolder(ctx, eventstore.SystemTenant, tenant.SlugScope, s.tenant)
	if err != nil {
		return uuid.Nil, fmt.Errorf("look up tenant %s: %w", s.tenant, err)
	}
	if !held {
		return uuid.Nil, usagef("--tenant %q is neither an id nor the slug of a tenant", s.tenant)
	}
	return uuid.Parse(holder.ID)
}
