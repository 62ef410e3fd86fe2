package projections

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"tansu.cloud/eventstore"
)

// Topic is where the relay publishes what was committed.
const Topic = "events"

// Bounds of one message, which keep it below the frame limits of brokers. A
// single larger event travels alone.
const (
	maxRunEvents = 500
	maxRunBytes  = 1 << 20
)

// Keys of a message's metadata, with which a subscriber can decide whether to
// decode the payload. The trace context stands beside them.
const (
	keyFormat   = "format"
	keyTenant   = "tenant_id"
	keyPosition = "position" // of the last event
	format      = "tansu.events.v1"
)

// run is a contiguous run of one tenant's events. Without events it is a hint
// that the log reaches up to last.
type run struct {
	tenant uuid.UUID
	last   int64
	events []eventstore.Event
	bytes  int
	trace  traceLinks
}

// drop removes the first events.
func (r *run) drop(n int) {
	for i := range n {
		r.bytes -= eventBytes(&r.events[i])
	}
	r.events = r.events[n:]
}

// cut takes the first events off as a run of their own.
func (r *run) cut(n int) *run {
	first := &run{tenant: r.tenant, events: r.events[:n:n], last: r.events[n-1].Position, trace: r.trace}
	r.drop(n)
	return first
}

// join appends a run that continues this one.
func (r *run) join(next *run) bool {
	if r.last+1 != next.events[0].Position {
		return false
	}
	r.events = append(r.events, next.events...)
	r.last = next.last
	r.bytes += next.bytes
	r.trace.merge(next.trace)
	return true
}

// traceLinks ties a run to the traces of the appends in it.
type traceLinks struct {
	parent trace.SpanContext
	links  []trace.Link
}

// wireEvent is an event in a message. Data and metadata are byte strings (base64
// in JSON), because the hash covers their exact bytes.
type wireEvent struct {
	Position      int64     `json:"position"`
	StreamType    string    `json:"stream_type"`
	StreamID      string    `json:"stream_id"`
	Version       int64     `json:"version"`
	ID            uuid.UUID `json:"event_id"`
	Type          string    `json:"type"`
	SchemaVersion int       `json:"schema_version"`
	Data          []byte    `json:"data"`
	Metadata      []byte    `json:"metadata"`
	RecordedAt    time.Time `json:"recorded_at"`
	Hash          []byte    `json:"hash"`
}

func encodeRun(r *run) (*message.Message, error) {
	wire := make([]wireEvent, len(r.events))
	for i, e := range r.events {
		wire[i] = wireEvent{
			Position: e.Position, StreamType: e.Stream.Type, StreamID: e.Stream.ID, Version: e.Version,
			ID: e.ID, Type: e.Type, SchemaVersion: e.SchemaVersion, Data: e.Data, Metadata: e.Metadata,
			RecordedAt: e.RecordedAt, Hash: e.Hash[:],
		}
	}
	payload, err := json.Marshal(wire)
	if err != nil {
		return nil, fmt.Errorf("encoding events of tenant %s: %w", r.tenant, err)
	}
	m := message.NewMessage(watermill.NewULID(), payload)
	m.Metadata.Set(keyFormat, format)
	m.Metadata.Set(keyTenant, r.tenant.String())
	m.Metadata.Set(keyPosition, strconv.FormatInt(r.last, 10))
	return m, nil
}

// messageTenant reads whose log a message is about.
func messageTenant(m *message.Message) (uuid.UUID, error) {
	if f := m.Metadata.Get(keyFormat); f != format {
		return uuid.Nil, fmt.Errorf("format is %q, expected %q", f, format)
	}
	return uuid.Parse(m.Metadata.Get(keyTenant))
}

// decodeRun checks what it reads: a message that is not a contiguous run of one
// tenant's events is an error.
func decodeRun(tenant uuid.UUID, m *message.Message) (*run, error) {
	last, err := strconv.ParseInt(m.Metadata.Get(keyPosition), 10, 64)
	if err != nil || last < 1 {
		return nil, fmt.Errorf("%s is %q, expected a position", keyPosition, m.Metadata.Get(keyPosition))
	}
	var wire []wireEvent
	if err := json.Unmarshal(m.Payload, &wire); err != nil {
		return nil, err
	}
	r := &run{tenant: tenant, last: last, events: make([]eventstore.Event, len(wire))}
	first := last - int64(len(wire)) + 1
	for i, w := range wire {
		if w.Position != first+int64(i) || w.Position < 1 || len(w.Hash) != len(eventstore.Hash{}) {
			return nil, errors.New("the events are not a contiguous run that ends at the stated position")
		}
		r.events[i] = eventstore.Event{
			TenantID: tenant, Position: w.Position, Stream: eventstore.Stream{Type: w.StreamType, ID: w.StreamID},
			Version: w.Version, ID: w.ID, Type: w.Type, SchemaVersion: w.SchemaVersion, Data: w.Data,
			Metadata: w.Metadata, RecordedAt: w.RecordedAt.UTC(), Hash: eventstore.Hash(w.Hash),
		}
		r.bytes += eventBytes(&r.events[i])
	}
	return r, nil
}

// eventBytes is about what an event occupies in memory.
func eventBytes(e *eventstore.Event) int { return 300 + len(e.Data) + len(e.Metadata) }
