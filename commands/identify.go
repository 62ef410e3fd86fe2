package commands

import (
	"context"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/propagation"
	"tansu.cloud/eventstore"
)

// identify gives the command an id and, if it creates an aggregate without
// naming it, the aggregate too. Both stay the same when the command is retried.
func identify[C, S any](p *pipeline, creates bool, next Handler[C, S]) Handler[C, S] {
	return func(ctx context.Context, r Request[C]) (Result[S], error) {
		r.commandID = p.newID()
		if creates && r.Stream == "" {
			r.Stream, r.newStream = p.newID().String(), true
		}
		return next(ctx, r)
	}
}

// metadata says in the events who sent the command, why, and in which trace.
func metadata[C any](ctx context.Context, r Request[C], reason func(C) string) eventstore.Metadata {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	m := eventstore.Metadata{
		Actor:         r.Caller.Actor,
		CorrelationID: r.Caller.CorrelationID,
		CausationID:   r.Caller.CausationID,
		Traceparent:   carrier["traceparent"],
		CommandID:     r.commandID.String(),
		Reason:        r.Caller.Reason,
	}
	// Events are for ever, and where a person was is theirs: sessions hold it,
	// sealed.
	if !strings.HasPrefix(m.Actor, "user:") {
		m.Address = r.Caller.Address
	}
	if m.CorrelationID == "" {
		m.CorrelationID = m.CommandID
	}
	if m.Reason == "" && reason != nil {
		m.Reason = clip(strings.TrimSpace(reason(r.Command)), eventstore.MaxMetadataField)
	}
	return m
}

// clip cuts a text to at most max bytes between two characters. The whole
// reason is in the event's data.
func clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
