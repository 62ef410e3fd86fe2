package feeds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"tansu.cloud/domain/filter"
	"tansu.cloud/eventstore"
)

// Entry is an event as readers share it: what they need of it besides its
// columns is decoded or encoded once, by the first who asks. Safe for concurrent
// use.
type Entry struct {
	Event eventstore.Event

	end int64 // cost of all events of the tail up to and including this one

	metadataOnce, dataOnce, cloudEventOnce sync.Once

	metadata   eventstore.Metadata
	data       any
	cloudEvent []byte
}

// NewEntry wraps an event.
func NewEntry(e eventstore.Event) *Entry { return &Entry{Event: e} }

// cost is about the memory that an entry occupies once it was delivered. The
// data count twice, as stored and in the CloudEvent.
func (e *Entry) cost() int64 {
	return 1024 + 2*int64(len(e.Event.Data)) + int64(len(e.Event.Metadata))
}

// meta returns the event's metadata; what cannot be decoded is empty.
func (e *Entry) meta() *eventstore.Metadata {
	e.metadataOnce.Do(func() { e.metadata, _ = e.Event.Meta() })
	return &e.metadata
}

// fieldNames is how messages list what Field knows.
const fieldNames = "type, stream_type, stream_id, version, position, actor, recorded_at, schema_version, " +
	"data.<name> and metadata.<name>"

// Field returns a field of the event for a filter.
func (e *Entry) Field(path string) (filter.Value, bool) {
	switch path {
	case "type":
		return filter.Text(e.Event.Type), true
	case "stream_type":
		return filter.Text(e.Event.Stream.Type), true
	case "stream_id":
		return filter.Text(e.Event.Stream.ID), true
	case "version":
		return filter.Int(e.Event.Version), true
	case "position":
		return filter.Int(e.Event.Position), true
	case "recorded_at":
		return filter.Time(e.Event.RecordedAt), true
	case "schema_version":
		return filter.Int(int64(e.Event.SchemaVersion)), true
	case "actor":
		return given(e.meta().Actor)
	}
	if rest, found := strings.CutPrefix(path, "data."); found {
		return e.inData(rest)
	}
	if name, found := strings.CutPrefix(path, "metadata."); found {
		if of := metadataFields[name]; of != nil {
			return given(of(e.meta()))
		}
	}
	return filter.Value{}, false
}

var metadataFields = map[string]func(*eventstore.Metadata) string{
	"actor":          func(m *eventstore.Metadata) string { return m.Actor },
	"correlation_id": func(m *eventstore.Metadata) string { return m.CorrelationID },
	"causation_id":   func(m *eventstore.Metadata) string { return m.CausationID },
	"traceparent":    func(m *eventstore.Metadata) string { return m.Traceparent },
	"command_id":     func(m *eventstore.Metadata) string { return m.CommandID },
	"address":        func(m *eventstore.Metadata) string { return m.Address },
	"reason":         func(m *eventstore.Metadata) string { return m.Reason },
}

// given is a field of the metadata, which has no empty ones.
func given(s string) (filter.Value, bool) { return filter.Text(s), s != "" }

func (e *Entry) inData(path string) (filter.Value, bool) {
	e.dataOnce.Do(func() {
		decoder := json.NewDecoder(bytes.NewReader(e.Event.Data))
		decoder.UseNumber()
		if decoder.Decode(&e.data) != nil {
			e.data = nil // no field has a value
		}
	})
	v := e.data
	for more := true; more; {
		var name string
		name, path, more = strings.Cut(path, ".")
		object, _ := v.(map[string]any)
		var found bool
		if v, found = object[name]; !found {
			return filter.Value{}, false
		}
	}
	return filter.JSON(v), true
}

// ParseFilter reads a filter expression and checks that events have its fields.
// Its error is a *filter.SyntaxError.
func ParseFilter(text string) (*filter.Expr, error) {
	expr, err := filter.Parse(text)
	if err != nil {
		return nil, err
	}
	for f := range expr.Fields() {
		if !isField(f.Path) {
			return nil, &filter.SyntaxError{Offset: f.Offset, Message: fmt.Sprintf("events have no field %q; use %s", f.Path, fieldNames)}
		}
	}
	return expr, nil
}

func isField(path string) bool {
	switch path {
	case "type", "stream_type", "stream_id", "version", "position", "actor", "recorded_at", "schema_version":
		return true
	}
	name, found := strings.CutPrefix(path, "metadata.")
	return strings.HasPrefix(path, "data.") || found && metadataFields[name] != nil
}
