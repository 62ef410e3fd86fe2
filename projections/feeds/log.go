package feeds

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// read reads a page of a log, when one of the places is free. A hole in the log
// raises the alarm.
func (h *Hub) read(ctx context.Context, log eventstore.Reader, places chan struct{}, tenant uuid.UUID, after int64, limit int) ([]eventstore.Event, error) {
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-h.quit.Done():
		return nil, ErrStopped
	}
	h.metrics.logPages.Add(ctx, 1)
	page, err := log.ReadLog(ctx, tenant, eventstore.LogQuery{After: after, Limit: limit})
	if err == nil {
		err = checkJoins(tenant, page.Events, after)
	}
	h.alarm(ctx, err)
	return page.Events, err
}

func (h *Hub) alarm(ctx context.Context, err error) {
	if corrupt := (*eventstore.CorruptLog)(nil); errors.As(err, &corrupt) {
		h.metrics.gaps.Add(ctx, 1)
		h.config.Logger.ErrorContext(ctx, "feeds: the log is corrupt", "tenant_id", corrupt.TenantID, "position", corrupt.Position, "error", err)
	}
}

// checkJoins makes sure that events follow a position and one another.
func checkJoins(tenant uuid.UUID, events []eventstore.Event, after int64) error {
	for i := range events {
		if expected := after + 1 + int64(i); events[i].Position != expected {
			return missing(tenant, expected)
		}
	}
	return nil
}

func missing(tenant uuid.UUID, position int64) error {
	return &eventstore.CorruptLog{TenantID: tenant, Position: position, Problem: "the event is missing"}
}

// pace is how many events of a page a reader asks for, so that it reads neither
// much more than it can use nor more than memory has room for.
type pace struct{ events int }

const (
	firstPage = 64
	pageBytes = 4 << 20
)

func (p *pace) next() int {
	if p.events == 0 {
		p.events = firstPage
	}
	return p.events
}

// learn adjusts the pace after a page of which some events were used.
func (p *pace) learn(events []eventstore.Event, used int) {
	bytes := 0
	for i := range events {
		bytes += len(events[i].Data) + len(events[i].Metadata)
	}
	if used < len(events) {
		p.events = used
	} else {
		p.events *= 2
	}
	if bytes > 0 {
		p.events = min(p.events, pageBytes*len(events)/bytes)
	}
	p.events = min(max(p.events, 1), eventstore.MaxPage)
}
