package projections

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tansu.cloud/eventstore"
)

// advance moves a tenant's checkpoint over one run of events: the run of a
// message if it joins the checkpoint, else a page of the log. This is the only
// way forward, for live events, catch-up and rebuild alike.
func (g *generation) advance(ctx context.Context, t *tenant, w work) error {
	next, err := g.nextRun(ctx, t, w)
	if err != nil {
		return err
	}
	if len(next.events) == 0 {
		g.queue.exhausted(t, w.target)
		return nil
	}
	relevant := g.relevant(next.events, t.ownTypes)
	relevant = t.withoutParked(relevant)
	last := next.events[len(next.events)-1]
	if len(relevant) == 0 {
		t.seen, t.seenAt = last.Position, last.RecordedAt
	} else if err := g.traced(ctx, t, next, func(ctx context.Context) error {
		return g.apply(ctx, t, relevant, last)
	}); err != nil {
		return err
	}
	g.events.Add(int64(len(next.events)))
	g.metrics.events.Add(ctx, int64(len(next.events)), g.metrics.attributes)
	return nil
}

// nextRun returns the events that follow what was seen, none at the log's end.
func (g *generation) nextRun(ctx context.Context, t *tenant, w work) (*run, error) {
	page := int(g.page.Load())
	if r := w.run; r != nil {
		first := r.last - int64(len(r.events)) + 1
		if known := min(max(t.seen-first+1, 0), int64(len(r.events))); known > 0 {
			r.drop(int(known))
			first += known
		}
		if len(r.events) > 0 && first == t.seen+1 {
			next := r.cut(min(page, len(r.events)))
			if len(r.events) > 0 {
				g.queue.keep(t, r)
			}
			return next, nil
		}
		if len(r.events) > 0 {
			g.queue.keep(t, r) // it may join after a page
		}
	}
	read, err := g.config.Log.ReadLog(ctx, t.id, eventstore.LogQuery{After: t.seen, Limit: page})
	if err != nil {
		return nil, err
	}
	for i, e := range read.Events {
		if e.Position != t.seen+1+int64(i) {
			return nil, &eventstore.CorruptLog{TenantID: t.id, Position: t.seen + 1 + int64(i), Problem: "the event is missing"}
		}
	}
	return &run{tenant: t.id, events: read.Events}, nil
}

// relevant selects the events that Apply sees. Once one of its own types has come,
// others may be of use again.
func (g *generation) relevant(events []eventstore.Event, ownTypes bool) []eventstore.Event {
	if g.EveryType {
		if first := slices.IndexFunc(events, func(e eventstore.Event) bool { return !ownTypes || g.handles[e.Type] }); first >= 0 {
			return events[first:]
		}
		return nil
	}
	var found []eventstore.Event
	for _, e := range events {
		if g.handles[e.Type] {
			found = append(found, e)
		}
	}
	return found
}

// withoutParked leaves out events that wait behind a failed one.
func (t *tenant) withoutParked(events []eventstore.Event) []eventstore.Event {
	if len(t.parked) == 0 {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), func(e eventstore.Event) bool {
		_, behind := t.parked[e.Stream]
		return behind
	})
}

// traced continues the trace of the append that the run's message carried.
func (g *generation) traced(ctx context.Context, t *tenant, r *run, do func(context.Context) error) error {
	if !r.trace.parent.IsValid() {
		return do(ctx)
	}
	ctx, span := g.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, r.trace.parent), "project "+g.Name,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(r.trace.links...),
		trace.WithAttributes(
			attribute.String("tansu.projection", g.Name), attribute.String("tansu.tenant.id", t.id.String()),
			attribute.Int64("tansu.position", r.last), attribute.Int("tansu.events", len(r.events))))
	defer span.End()
	err := do(ctx)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

// apply writes what the events change and moves the checkpoint to the event
// `to`. If the events fail, it halves them until the failing one stands alone:
// that one is tried again and then parked with its stream, and all others are
// applied in order.
func (g *generation) apply(ctx context.Context, t *tenant, events []eventstore.Event, to eventstore.Event) error {
	events = t.withoutParked(events)
	s := step{events: events, to: to.Position, at: to.RecordedAt}
	err := g.commit(ctx, t, s)
	if !isApplyError(err) {
		return err
	}
	if half := len(events) / 2; half > 0 {
		if err := g.apply(ctx, t, events[:half], events[half-1]); err != nil {
			return err
		}
		return g.apply(ctx, t, events[half:], to)
	}
	if err = g.again(ctx, t, s, err); !isApplyError(err) {
		return err
	}
	return g.park(ctx, t, &events[0], s, err)
}

// again repeats a step that failed on a single event, because some failures of
// events pass.
func (g *generation) again(ctx context.Context, t *tenant, s step, err error) error {
	for try := 1; try < g.config.Tries && isApplyError(err); try++ {
		timer := time.NewTimer(g.config.RetryDelay << (try - 1))
		select {
		case <-timer.C:
		case <-g.quit:
			timer.Stop()
			return errStopping
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		err = g.commit(ctx, t, s)
	}
	return err
}

// save writes a checkpoint that is behind what was looked at.
func (g *generation) save(ctx context.Context, t *tenant) error {
	return g.commit(ctx, t, step{to: t.seen, at: t.seenAt})
}
