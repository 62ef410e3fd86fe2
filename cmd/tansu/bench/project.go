package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/commands"
	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/projections"
)

const projectEvents = 100_000

// confirmed is the event of these benchmarks as a payload.
type confirmed map[string]any

func (confirmed) EventType() string  { return "order.confirmed" }
func (confirmed) SchemaVersion() int { return 1 }

// rows is a projection of every tenant's log with one row per event.
func rows(name string) projections.Projection {
	return projections.Projection{
		Name: name, Version: 1, EveryTenant: true, Types: []string{"order.confirmed"}, Tables: []string{name},
		DDL: `CREATE TABLE ` + name + ` (
    tenant_id uuid NOT NULL, position bigint NOT NULL, stream_id text NOT NULL, version bigint NOT NULL,
    customer text NOT NULL, total bigint NOT NULL, updated_at timestamptz NOT NULL, PRIMARY KEY (tenant_id, position))`,
		Apply: func(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
			return insertRows(ctx, tx, name, changes)
		},
	}
}

func insertRows(ctx context.Context, tx pgx.Tx, table string, changes []projections.Change) error {
	n := len(changes)
	positions, versions, totals := make([]int64, n), make([]int64, n), make([]int64, n)
	streams, customers, times := make([]string, n), make([]string, n), make([]time.Time, n)
	for i, c := range changes {
		order, ok := c.Payload.(confirmed)
		if !ok {
			return fmt.Errorf("unexpected payload %T", c.Payload)
		}
		total, _ := order["total"].(float64)
		customers[i], _ = order["customer"].(string)
		positions[i], versions[i], totals[i] = c.Event.Position, c.Event.Version, int64(total)
		streams[i], times[i] = c.Event.Stream.ID, c.Event.RecordedAt
	}
	_, err := tx.Exec(ctx, `
INSERT INTO `+table+` (tenant_id, position, stream_id, version, customer, total, updated_at)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::timestamptz[])
ON CONFLICT (tenant_id, position) DO UPDATE SET total = EXCLUDED.total`,
		changes[0].Event.TenantID, positions, streams, versions, customers, totals, times)
	return err
}

// stage is a log with a running projection over it. built is how long the
// projection took to read what was there.
type stage struct {
	name     string // of the projection
	built    time.Duration
	store    *postgres.Store
	commands *commands.Commands
	runner   *projections.Runner
	stops    []func(context.Context) error
}

func (b *Bench) newStage(ctx context.Context, name string, page int) (_ *stage, err error) {
	s := &stage{name: name}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	messages := bus.NewInProcess(slog.New(slog.DiscardHandler))
	s.stops = append(s.stops, func(context.Context) error { return messages.Close() })
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: messages})
	if err != nil {
		return s, err
	}
	s.store = postgres.New(b.pool, postgres.Options{OnCommit: relay.Committed})
	payloads := []eventstore.Payload{confirmed{}}
	for _, e := range projection.Events() {
		payloads = append(payloads, e)
	}
	codec := eventstore.NewCodec(eventstore.NewRegistry(payloads...), nil)
	s.commands = commands.New(commands.Deps{Store: s.store, Snapshots: s.store, Codec: codec, Logger: slog.New(slog.DiscardHandler)})
	s.runner, err = projections.NewRunner(projections.Config{
		NodeID: "bench", Projections: []projections.Projection{rows(name)}, Pool: b.pool, Log: s.store, Decoder: codec,
		Control: b.Control(s.commands), Bus: messages, CatchUpPage: page, LivePage: page, DropAfter: time.Millisecond,
	})
	if err != nil {
		return s, err
	}
	start := time.Now()
	for _, part := range []interface {
		Start(context.Context) error
		Stop(context.Context) error
	}{relay, s.store, s.runner} {
		if err := part.Start(ctx); err != nil {
			return s, err
		}
		s.stops = append(s.stops, part.Stop)
	}
	select {
	case <-s.runner.Ready():
		s.built = time.Since(start)
		return s, nil
	case <-ctx.Done():
		return s, ctx.Err()
	}
}

func (s *stage) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var errs []error
	for len(s.stops) > 0 {
		last := len(s.stops) - 1
		errs = append(errs, s.stops[last](ctx))
		s.stops = s.stops[:last]
	}
	return errors.Join(errs...)
}

// startRebuild begins to fill a generation beside the one that serves.
func (s *stage) startRebuild(ctx context.Context) error {
	_, err := s.commands.StartRebuild(ctx, order(s, commands.StartRebuild{Version: 1, Reason: "bench"}))
	return err
}

// cancelRebuild ends it and returns how many events it had read.
func (s *stage) cancelRebuild(ctx context.Context) (done int64, err error) {
	status, err := s.runner.Status(ctx)
	if err != nil {
		return 0, err
	}
	if status[0].Rebuild == nil {
		return 0, errors.New("the rebuild ended before its round; write more events")
	}
	done = status[0].Rebuild.Done
	if _, err := s.commands.CancelRebuild(ctx, order(s, commands.CancelRebuild{Reason: "bench"})); err != nil {
		return 0, err
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for status[0].Rebuild != nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if status, err = s.runner.Status(ctx); err != nil {
			return 0, err
		}
	}
	return done, nil
}

func order[C any](s *stage, c C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: eventstore.SystemTenant, Stream: s.name, Expected: eventstore.AnyVersion, Command: c,
		Caller: commands.Caller{Actor: "bench", Permissions: func(string) bool { return true }},
	}
}

// Project measures a new projection with one row per event that catches up in
// batches of 500, from the log to the read model, against the raw line.
func (b *Bench) Project(ctx context.Context) ([]Result, error) {
	raw, err := newRawLine(ctx, b.DSN)
	if err != nil {
		return nil, err
	}
	defer raw.pool.Close()
	if err := b.fill(ctx, uuid.New(), projectEvents); err != nil {
		return nil, err
	}
	events, err := b.countEvents(ctx)
	if err != nil {
		return nil, err
	}
	var rate pairs
	for round := range b.Rounds + 1 {
		s, err := b.newStage(ctx, fmt.Sprintf("bench_rows_%d", round), 500)
		if err != nil {
			return nil, err
		}
		if err := s.stop(ctx); err != nil {
			return nil, err
		}
		line, err := b.rawRound(ctx, raw, 1, rawCallers)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			rate.add(float64(events)/s.built.Seconds(), line.perSecond)
		}
	}
	return []Result{rate.result("project", "one row per event, batches of 500", "events/s")}, nil
}

func (b *Bench) countEvents(ctx context.Context) (n int64, err error) {
	err = b.pool.QueryRow(ctx, `SELECT count(*) FROM events`).Scan(&n)
	return n, err
}
