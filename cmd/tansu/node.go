package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/api/bounds"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/config"
	"tansu.cloud/platform/mail"
	"tansu.cloud/platform/telemetry"
	"tansu.cloud/platform/tenantdb"
	"tansu.cloud/sql/db"
)

// node is a running node of an installation: everything between its database
// and its port. Parts start in the order in which data flows through them and
// stop in reverse.
type node struct {
	cfg       config.Config
	telemetry *telemetry.Telemetry
	logger    *slog.Logger
	http      *httpServer
	started   []part

	pool      *pgxpool.Pool
	own       *tenantdb.DB // reads of the pool's database on behalf of the tenant of a context
	platform  *tenantdb.DB // the same of the system tenant, whoever asks
	madeToken string       // the operator token, if this start made one
	engines   engines
	parts     parts
	identity  identity
	bounds    *bounds.Table // of tenants; nil without the role api
	mailbox   *mail.Mailbox // takes the mail if no server is named; nil: nothing does

	drainSockets func(context.Context) error // nil until there can be any
}

// part of a node that has been started.
type part struct {
	name string
	stop func(context.Context) error
}

// collectAt is how much garbage, in percent of what lives, brings the next
// collection. With Go's 100, the garbage of 10,000 handshakes left holes among the
// sockets that took as much memory as the sockets: 10.7 KB each instead of 7.4.
const collectAt = 75

func newNode(cfg config.Config, t *telemetry.Telemetry) *node {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	return &node{cfg: cfg, telemetry: t, logger: t.Logger(), http: newHTTPServer(cfg.HTTP, cfg.Domain, t.Logger())}
}

// listen answers probes on listener from now on.
func (n *node) listen(listener net.Listener) {
	n.cfg.HTTP.Addr = listener.Addr().String() // the port may have been left to the system
	n.http.serve(listener)
}

// start brings all parts up. If one fails, those before it are stopped.
func (n *node) start(ctx context.Context, makeToken bool) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, n.stop(context.WithoutCancel(ctx)))
		}
	}()
	if err := n.openPool(ctx); err != nil {
		return err
	}
	operator, err := n.startOperator(ctx, makeToken)
	if err != nil {
		return err
	}
	if err := n.startParts(ctx); err != nil {
		return err
	}
	if err := n.openInterface(ctx, operator); err != nil {
		return err
	}
	n.http.enter(serving)
	return nil
}

// stop takes the node out of service and ends its parts in reverse. When ctx
// ends, what is left is ended at once.
func (n *node) stop(ctx context.Context) error {
	if n.http.current() == serving {
		n.http.enter(draining)
		n.drain(ctx)
	}
	var errs []error
	if n.drainSockets != nil {
		errs = append(errs, n.drainSockets(ctx))
	}
	errs = append(errs, n.http.stop(ctx))
	for len(n.started) > 0 {
		last := n.started[len(n.started)-1]
		n.started = n.started[:len(n.started)-1]
		if err := last.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}

// drain waits for load balancers to notice that the node is not ready.
func (n *node) drain(ctx context.Context) {
	select {
	case <-time.After(n.cfg.HTTP.DrainDelay):
	case <-ctx.Done():
	}
}

func (n *node) onStop(name string, stop func(context.Context) error) {
	n.started = append(n.started, part{name, stop})
}

func (n *node) openPool(ctx context.Context) error {
	cfg, err := pgxpool.ParseConfig(n.cfg.Postgres.DSN.Reveal())
	if err != nil {
		return errors.New("postgres.dsn (TANSU_POSTGRES_DSN) is not a connection string")
	}
	cfg.MaxConns = int32(n.cfg.Postgres.MaxConns)
	cfg.ConnConfig.Tracer = telemetry.PgxTracer()
	cfg.AfterConnect = tenantdb.AfterConnect
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "tansu"
	}
	if n.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	n.own, n.platform = tenantdb.New(n.pool), tenantdb.Of(n.pool, eventstore.SystemTenant)
	stopObserving, err := telemetry.ObservePool("main", n.pool)
	if err != nil {
		n.pool.Close()
		return err
	}
	n.onStop("database pool", func(context.Context) error {
		err := stopObserving()
		n.pool.Close()
		return err
	})
	if err := n.pool.Ping(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	var able bool
	if err := n.own.QueryRow(ctx, "SELECT true").Scan(&able); err != nil {
		return fmt.Errorf("database: nothing can be read on behalf of tenants; see docs/runbooks/row-security.md: %w", err)
	}
	return nil
}

func (n *node) startOperator(ctx context.Context, makeToken bool) (_ *operatorCredential, err error) {
	queries := db.New(n.pool)
	if makeToken || n.cfg.OperatorToken != "" {
		if n.madeToken, err = ensureOperatorToken(ctx, queries, n.cfg.OperatorToken); err != nil {
			return nil, err
		}
	}
	credential := newOperatorCredential(queries, n.logger)
	if err := credential.Start(ctx); err != nil {
		return nil, err
	}
	n.onStop("operator credential", credential.Stop)
	return credential, nil
}
