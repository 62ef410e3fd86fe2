package eventstore

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// SystemTenant owns the log of everything that is platform-wide: tenants,
// projections, users. It is the nil UUID.
var SystemTenant = uuid.Nil

// Stream names one aggregate's events inside a tenant's log.
type Stream struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func (s Stream) String() string { return s.Type + "/" + s.ID }

// Hash is one link of a tenant's chain (SHA-256). Its text form is hexadecimal.
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return fmt.Errorf("a hash has %d hexadecimal digits", 2*len(h))
	}
	copy(h[:], raw)
	return nil
}

// Event is one committed entry of a tenant's log. Data and Metadata are the
// stored bytes, untouched: the hash covers them.
type Event struct {
	TenantID      uuid.UUID
	Position      int64 // 1, 2, 3 … in the tenant's log
	Stream        Stream
	Version       int64 // 1, 2, 3 … in the stream
	ID            uuid.UUID
	Type          string
	SchemaVersion int
	Data          json.RawMessage
	Metadata      json.RawMessage
	RecordedAt    time.Time // UTC, microseconds, never decreasing within a tenant
	Hash          Hash
}

// Meta decodes the event's metadata.
func (e *Event) Meta() (Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(e.Metadata, &m); err != nil {
		return m, fmt.Errorf("metadata of event %s at position %d: %w", e.ID, e.Position, err)
	}
	return m, nil
}

// Metadata says who caused an event, on whose behalf and in which trace.
// Every field is bounded by [MaxMetadataField] bytes.
type Metadata struct {
	Actor         string `json:"actor,omitempty"`          // principal, e.g. "operator" or "user:<id>"
	CorrelationID string `json:"correlation_id,omitempty"` // shared by everything one request set in motion
	CausationID   string `json:"causation_id,omitempty"`   // the command or event that led here
	Traceparent   string `json:"traceparent,omitempty"`    // W3C trace context of the append
	CommandID     string `json:"command_id,omitempty"`
	Address       string `json:"address,omitempty"` // client address
	Reason        string `json:"reason,omitempty"`  // as given by the caller
}

// Head is the end of a tenant's log. The zero Head is that of an empty log.
type Head struct {
	TenantID   uuid.UUID
	Position   int64
	Hash       Hash
	RecordedAt time.Time
}
