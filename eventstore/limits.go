package eventstore

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of one append. They keep lanes fair and messages below the frame
// limits of brokers.
const (
	MaxEventData       = 1 << 20 // bytes of one event's data
	MaxEventsPerCall   = 1000
	MaxAppendBytes     = 16 << 20 // bytes of all events' data together
	MaxClaimsPerCall   = 100
	MaxSubjectsPerCall = 100
	MaxName            = 200 // bytes of a stream type, event type or claim scope
	MaxStreamID        = 255 // bytes of a stream's or a data subject's id
	MaxClaimValue      = 512
	MaxMetadataField   = 1024
	MaxIdempotencyKey  = 255
	MaxResponse        = 1 << 20 // bytes of a stored response
)

// Check reports the first way in which the append is out of bounds, as a
// *LimitError, or nil. Adapters call it before anything else.
func (a *Append) Check() error {
	if p := a.problem(); p != nil {
		return p
	}
	return nil
}

func (a *Append) problem() *LimitError {
	events, bytes := 0, 0
	for i := range a.Writes {
		w := &a.Writes[i]
		if p := w.problem(); p != nil {
			return p.in("writes", i)
		}
		events += len(w.Events)
		for j := range w.Events {
			bytes += len(w.Events[j].Data)
		}
	}
	switch {
	case events == 0 && a.Idempotency == nil:
		return outOfBounds("writes", "is empty")
	case events > MaxEventsPerCall:
		return outOfBounds("writes", "have %d events, the limit is %d per append; split them", events, MaxEventsPerCall)
	case bytes > MaxAppendBytes:
		return outOfBounds("writes", "have %d bytes of data, the limit is %d per append; split them", bytes, MaxAppendBytes)
	case len(a.Claims) > MaxClaimsPerCall:
		return outOfBounds("claims", "are %d, the limit is %d per append", len(a.Claims), MaxClaimsPerCall)
	case len(a.EraseSubjects) > MaxSubjectsPerCall:
		return outOfBounds("erase_subjects", "are %d, the limit is %d per append", len(a.EraseSubjects), MaxSubjectsPerCall)
	}
	if p := repeatedStream(a.Writes); p != nil {
		return p
	}
	for i := range a.Claims {
		if p := a.Claims[i].problem(); p != nil {
			return p.in("claims", i)
		}
	}
	if p := a.Metadata.problem(); p != nil {
		return p
	}
	if k := a.Idempotency; k != nil {
		if p := checkText("idempotency.key", k.Key, 1, MaxIdempotencyKey); p != nil {
			return p
		}
		if len(k.Response) > MaxResponse {
			return outOfBounds("idempotency.response", "has %d bytes, the limit is %d", len(k.Response), MaxResponse)
		}
	}
	for i, s := range a.EraseSubjects {
		if p := checkText("", s, 1, MaxStreamID); p != nil {
			return p.in("erase_subjects", i)
		}
	}
	return nil
}

func repeatedStream(writes []StreamWrite) *LimitError {
	if len(writes) < 2 {
		return nil
	}
	seen := make(map[Stream]bool, len(writes))
	for i := range writes {
		if seen[writes[i].Stream] {
			return outOfBounds("stream", "is written twice; put its events into one write").in("writes", i)
		}
		seen[writes[i].Stream] = true
	}
	return nil
}

func (s *Stream) problem() *LimitError {
	if p := checkText("stream.type", s.Type, 1, MaxName); p != nil {
		return p
	}
	return checkText("stream.id", s.ID, 1, MaxStreamID)
}

func (w *StreamWrite) problem() *LimitError {
	if p := w.Stream.problem(); p != nil {
		return p
	}
	if w.Expected < AnyVersion {
		return outOfBounds("expected", "is not a version; use AnyVersion, NoStream or a version above 0")
	}
	if len(w.Events) == 0 {
		return outOfBounds("events", "is empty; leave the stream out of the append")
	}
	for i := range w.Events {
		if p := w.Events[i].problem(); p != nil {
			return p.in("events", i)
		}
	}
	return nil
}

func (e *NewEvent) problem() *LimitError {
	if p := checkText("type", e.Type, 1, MaxName); p != nil {
		return p
	}
	switch {
	case e.SchemaVersion < 1 || e.SchemaVersion > math.MaxInt32:
		return outOfBounds("schema_version", "must be 1 or more, and fit into 32 bits")
	case e.ID == uuid.Nil:
		return outOfBounds("id", "is missing")
	case len(e.Data) == 0:
		return outOfBounds("data", "is empty; it must be a JSON value")
	case len(e.Data) > MaxEventData:
		return outOfBounds("data", "has %d bytes, the limit is %d; store large content as an object and refer to it", len(e.Data), MaxEventData)
	}
	return nil
}

// CheckData reports event data that is not JSON, as a *LimitError. It is apart
// from Check because reading every byte costs, and a database that does so
// anyway needs it only to say what it refused.
func (a *Append) CheckData() error {
	for i := range a.Writes {
		for j := range a.Writes[i].Events {
			if data := a.Writes[i].Events[j].Data; !utf8.Valid(data) || !json.Valid(data) {
				return outOfBounds("data", "is not valid JSON in UTF-8").in("events", j).in("writes", i)
			}
		}
	}
	return nil
}

func (c *Claim) problem() *LimitError {
	if c.Op != TakeClaim && c.Op != ReleaseClaim {
		return outOfBounds("op", "must be take or release")
	}
	if p := checkText("scope", c.Scope, 1, MaxName); p != nil {
		return p
	}
	if p := checkText("value", c.Value, 1, MaxClaimValue); p != nil {
		return p
	}
	return c.Stream.problem()
}

func (m *Metadata) problem() *LimitError {
	for _, f := range [...]struct{ name, value string }{
		{"metadata.actor", m.Actor}, {"metadata.correlation_id", m.CorrelationID},
		{"metadata.causation_id", m.CausationID}, {"metadata.traceparent", m.Traceparent},
		{"metadata.command_id", m.CommandID}, {"metadata.address", m.Address}, {"metadata.reason", m.Reason},
	} {
		if p := checkText(f.name, f.value, 0, MaxMetadataField); p != nil {
			return p
		}
	}
	return nil
}

// checkText accepts UTF-8 without NUL, which PostgreSQL cannot store.
func checkText(field, s string, shortest, longest int) *LimitError {
	switch {
	case len(s) < shortest:
		return outOfBounds(field, "is empty")
	case len(s) > longest:
		return outOfBounds(field, "has %d bytes, the limit is %d", len(s), longest)
	case !utf8.ValidString(s):
		return outOfBounds(field, "is not valid UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		return outOfBounds(field, "contains a NUL byte")
	}
	return nil
}

func outOfBounds(field, problem string, args ...any) *LimitError {
	return &LimitError{Field: field, Problem: fmt.Sprintf(problem, args...)}
}

// in puts the problem's field into an element of a list.
func (e *LimitError) in(list string, i int) *LimitError {
	at := fmt.Sprintf("%s[%d]", list, i)
	if e.Field != "" {
		at += "." + e.Field
	}
	return &LimitError{Field: at, Problem: e.Problem}
}
