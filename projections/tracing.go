package projections

import (
	"bytes"
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tansu.cloud/eventstore"
)

// maxLinks bounds how many further traces a span of a run is linked to.
const maxLinks = 16

var w3c = propagation.TraceContext{}

// tracesOf finds the sampled traces in which events were appended: the first
// becomes the parent of what happens to them, others are linked.
func tracesOf(events []eventstore.Event) traceLinks {
	var t traceLinks
	for i := range events {
		sc := appendedIn(&events[i])
		if sc.IsSampled() && !t.add(sc) {
			return t
		}
	}
	return t
}

// add reports whether there is room for more.
func (t *traceLinks) add(sc trace.SpanContext) bool {
	if !sc.IsValid() || sc.TraceID() == t.parent.TraceID() {
		return true
	}
	if !t.parent.IsValid() {
		t.parent = sc
		return true
	}
	for _, l := range t.links {
		if l.SpanContext.TraceID() == sc.TraceID() {
			return true
		}
	}
	t.links = append(t.links, trace.Link{SpanContext: sc})
	return len(t.links) < maxLinks
}

// merge takes over the traces of a run that was joined to this one.
func (t *traceLinks) merge(o traceLinks) {
	if !t.add(o.parent) {
		return
	}
	for _, l := range o.links {
		if !t.add(l.SpanContext) {
			return
		}
	}
}

var traceparentKey = []byte(`"traceparent":"`)

// appendedIn reads the trace context from an event's metadata without decoding
// it. The key with its quotes cannot stand inside a JSON string.
func appendedIn(e *eventstore.Event) trace.SpanContext {
	_, rest, found := bytes.Cut(e.Metadata, traceparentKey)
	if !found {
		return trace.SpanContext{}
	}
	value, _, _ := bytes.Cut(rest, []byte{'"'})
	carrier := propagation.MapCarrier{"traceparent": string(value)}
	return trace.SpanContextFromContext(w3c.Extract(context.Background(), carrier))
}

func injectTrace(ctx context.Context, m *message.Message) {
	w3c.Inject(ctx, propagation.MapCarrier(m.Metadata))
}

func extractTrace(m *message.Message) trace.SpanContext {
	return trace.SpanContextFromContext(w3c.Extract(context.Background(), propagation.MapCarrier(m.Metadata)))
}
