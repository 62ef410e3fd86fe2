package bench

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
)

// eventsPerStream is how many events a caller appends to one stream before it
// begins another.
const eventsPerStream = 10

// Append measures appends with the full contract (expected versions, head,
// chain, an idempotency record each) against the raw line.
func (b *Bench) Append(ctx context.Context) ([]Result, error) {
	raw, err := newRawLine(ctx, b.DSN)
	if err != nil {
		return nil, err
	}
	defer raw.pool.Close()
	store := postgres.New(b.pool, postgres.Options{})
	if err := store.Start(ctx); err != nil {
		return nil, err
	}
	defer store.Stop(context.WithoutCancel(ctx))

	var results []Result
	for _, c := range []struct{ tenants, callers int }{{1, 1}, {1, 8}, {1, 64}, {1, 256}, {100, 256}} {
		name := fmt.Sprintf("%d tenants, %d callers", c.tenants, c.callers)
		rate, p50, err := b.race(ctx, "append", name, "appends/s",
			func(ctx context.Context) (load, error) { return b.appendRound(ctx, store, c.tenants, c.callers) },
			func(ctx context.Context) (load, error) { return b.rawRound(ctx, raw, c.tenants, c.callers) })
		if err != nil {
			return nil, err
		}
		if results = append(results, rate); c.callers == 1 {
			results = append(results, p50)
		}
		b.progress("append: %s done", name)
	}
	return results, nil
}

func (b *Bench) rawRound(ctx context.Context, raw *rawLine, tenants, callers int) (load, error) {
	if err := raw.reset(ctx); err != nil {
		return load{}, err
	}
	if err := b.checkpoint(ctx); err != nil {
		return load{}, err
	}
	ids := newIDs(tenants)
	run := uuid.NewString()[:8]
	return drive(ctx, callers, b.Duration, func(ctx context.Context, caller, i int) error {
		stream := fmt.Sprintf("%s-%d-%d", run, caller, i/eventsPerStream)
		return raw.insert(ctx, ids[caller%tenants], stream, int64(i%eventsPerStream+1))
	})
}

func (b *Bench) appendRound(ctx context.Context, store eventstore.Appender, tenants, callers int) (load, error) {
	// The line begins with an empty table in each round, and so do we.
	if _, err := b.pool.Exec(ctx, "TRUNCATE heads, events, claims, idempotency"); err != nil {
		return load{}, err
	}
	ids := newIDs(tenants)
	for _, id := range ids { // every log exists before the clock runs
		if _, err := store.Append(ctx, benchAppend(id, "warm", 0)); err != nil {
			return load{}, err
		}
	}
	if err := b.checkpoint(ctx); err != nil {
		return load{}, err
	}
	run := uuid.NewString()[:8]
	return drive(ctx, callers, b.Duration, func(ctx context.Context, caller, i int) error {
		stream := fmt.Sprintf("%s-%d-%d", run, caller, i/eventsPerStream)
		_, err := store.Append(ctx, benchAppend(ids[caller%tenants], stream, int64(i%eventsPerStream)))
		return err
	})
}

func benchAppend(tenant uuid.UUID, stream string, version int64) eventstore.Append {
	id := uuid.Must(uuid.NewV7())
	return eventstore.Append{
		TenantID: tenant,
		Writes: []eventstore.StreamWrite{{
			Stream:   eventstore.Stream{Type: "order", ID: stream},
			Expected: version,
			Events:   []eventstore.NewEvent{{ID: id, Type: "order.confirmed", SchemaVersion: 1, Data: json.RawMessage(payload)}},
		}},
		Metadata:    eventstore.Metadata{Actor: "operator", CorrelationID: "5f0b8a0c9f6e", CommandID: "0198c1f2-7b7e"},
		Idempotency: &eventstore.Idempotency{Key: id.String(), Response: []byte(`{"version":1,"state":{}}`)},
	}
}

func newIDs(n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.New()
	}
	return ids
}
