package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
)

// rawCallers is how many callers the raw line has where ours is not about
// callers.
const rawCallers = 64

const replayEvents = 200_000

// Replay measures reading one tenant's log from the beginning in pages of 1,000
// against the raw line, and whether a page takes as long at the end of a long
// log as at the beginning of a short one.
func (b *Bench) Replay(ctx context.Context) ([]Result, error) {
	raw, err := newRawLine(ctx, b.DSN)
	if err != nil {
		return nil, err
	}
	defer raw.pool.Close()
	store := postgres.New(b.pool, postgres.Options{})
	tenant := uuid.New()
	if err := b.fill(ctx, tenant, replayEvents); err != nil {
		return nil, err
	}

	var rate, flat pairs
	for round := range b.Rounds + 1 {
		early, late, ours, err := replay(ctx, store, tenant)
		if err != nil {
			return nil, err
		}
		line, err := b.rawRound(ctx, raw, 1, rawCallers)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			rate.add(ours, line.perSecond)
			flat.add(late.Seconds()*1000, early.Seconds()*1000)
		}
	}
	return []Result{
		rate.result("replay", fmt.Sprintf("%d events, pages of %d", replayEvents, eventstore.MaxPage), "events/s"),
		flat.result("replay", "page time, last tenth : first tenth of the log", "ms"),
	}, nil
}

// replay reads the whole log and returns the median page times of its first and
// last tenth, and events per second.
func replay(ctx context.Context, store eventstore.Reader, tenant uuid.UUID) (early, late time.Duration, perSecond float64, err error) {
	var pages []float64
	events := 0
	start := time.Now()
	for after := int64(0); ; {
		began := time.Now()
		page, err := store.ReadLog(ctx, tenant, eventstore.LogQuery{After: after})
		if err != nil {
			return 0, 0, 0, err
		}
		pages = append(pages, time.Since(began).Seconds())
		events += len(page.Events)
		after = page.Next
		if page.Done {
			break
		}
	}
	perSecond = float64(events) / time.Since(start).Seconds()
	pages = pages[:len(pages)-1] // the last one is short
	tenth := max(1, len(pages)/10)
	duration := func(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
	return duration(median(pages[:tenth])), duration(median(pages[len(pages)-tenth:])), perSecond, nil
}

// fill appends events to a tenant's log in large appends.
func (b *Bench) fill(ctx context.Context, tenant uuid.UUID, events int) error {
	store := postgres.New(b.pool, postgres.Options{})
	if err := store.Start(ctx); err != nil {
		return err
	}
	defer store.Stop(context.WithoutCancel(ctx))
	for n := 0; n < events; n += eventstore.MaxEventsPerCall {
		a := eventstore.Append{TenantID: tenant, Metadata: eventstore.Metadata{Actor: "operator", CorrelationID: "5f0b8a0c9f6e"}}
		for s := 0; s < eventstore.MaxEventsPerCall/eventsPerStream; s++ {
			w := eventstore.StreamWrite{Stream: eventstore.Stream{Type: "order", ID: fmt.Sprintf("%d-%d", n, s)}, Expected: eventstore.NoStream}
			for range eventsPerStream {
				w.Events = append(w.Events, eventstore.NewEvent{
					ID: uuid.Must(uuid.NewV7()), Type: "order.confirmed", SchemaVersion: 1, Data: json.RawMessage(payload),
				})
			}
			a.Writes = append(a.Writes, w)
		}
		if _, err := store.Append(ctx, a); err != nil {
			return err
		}
	}
	b.progress("%d events written", events)
	_, err := b.pool.Exec(ctx, `VACUUM (ANALYZE) events`)
	return err
}
