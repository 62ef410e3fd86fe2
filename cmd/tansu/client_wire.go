package main

import (
	"encoding/json"
	"time"
)

// item is a resource as the server sent it, and decoded. Programs get the
// former, so that nothing the server says is lost on the way; tables are made
// of the latter.
type item[T any] struct {
	raw   json.RawMessage
	value T
}

func (i *item[T]) UnmarshalJSON(b []byte) error {
	i.raw = append(json.RawMessage(nil), b...)
	return json.Unmarshal(b, &i.value)
}

type page[T any] struct {
	Items      []item[T] `json:"items"`
	NextCursor string    `json:"next_cursor"`
}

type tenantInfo struct {
	ID        string          `json:"id"`
	Slug      string          `json:"slug"`
	Name      string          `json:"name"`
	Status    string          `json:"status"`
	Settings  json.RawMessage `json:"settings"`
	Version   int64           `json:"version"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`

	Provisioning struct {
		Steps []struct{ Name, Status, Error string } `json:"steps"`
	} `json:"provisioning"`
}

type eventInfo struct {
	Position      int64           `json:"position"`
	StreamType    string          `json:"stream_type"`
	StreamID      string          `json:"stream_id"`
	Version       int64           `json:"version"`
	EventID       string          `json:"event_id"`
	Type          string          `json:"type"`
	SchemaVersion int             `json:"schema_version"`
	Data          json.RawMessage `json:"data"`
	Metadata      json.RawMessage `json:"metadata"`
	RecordedAt    time.Time       `json:"recorded_at"`
	Hash          string          `json:"hash"`
}

// actor is who caused the event, empty if the metadata does not say.
func (e eventInfo) actor() string {
	var m struct {
		Actor string `json:"actor"`
	}
	_ = json.Unmarshal(e.Metadata, &m) // metadata of another shape has no actor to show
	return m.Actor
}

type stateInfo struct {
	StreamType string          `json:"stream_type"`
	StreamID   string          `json:"stream_id"`
	Version    int64           `json:"version"`
	RecordedAt time.Time       `json:"recorded_at"`
	State      json.RawMessage `json:"state"`
}

type patchOp struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	From  string          `json:"from"`
	Value json.RawMessage `json:"value"`
}

type projectionInfo struct {
	Name       string       `json:"name"`
	Version    int          `json:"version"`
	Generation int          `json:"generation"`
	State      string       `json:"state"`
	LagEvents  int64        `json:"lag_events"`
	LagSeconds float64      `json:"lag_seconds"`
	Parked     int64        `json:"parked"`
	Rebuild    *rebuildInfo `json:"rebuild"`
}

type rebuildInfo struct {
	Generation int     `json:"generation"`
	Version    int     `json:"version"`
	Done       int64   `json:"done"`
	Total      int64   `json:"total"`
	Rate       float64 `json:"rate"`
	ETASeconds float64 `json:"eta_seconds"`
}

type deadLetterInfo struct {
	ID         string    `json:"id"`
	Projection string    `json:"projection"`
	Generation int       `json:"generation"`
	Status     string    `json:"status"`
	TenantID   string    `json:"tenant_id"`
	StreamType string    `json:"stream_type"`
	StreamID   string    `json:"stream_id"`
	Position   int64     `json:"position"`
	EventID    string    `json:"event_id"`
	EventType  string    `json:"event_type"`
	Error      string    `json:"error"`
	Attempts   int       `json:"attempts"`
	Reason     string    `json:"reason"`
	ParkedAt   time.Time `json:"parked_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

type auditInfo struct {
	OK               bool   `json:"ok"`
	TenantID         string `json:"tenant_id"`
	Events           int64  `json:"events"`
	HeadPosition     int64  `json:"head_position"`
	HeadHash         string `json:"head_hash"`
	FirstBadPosition int64  `json:"first_bad_position,omitempty"`
	Problem          string `json:"problem,omitempty"`
}
