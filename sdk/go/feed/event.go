package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is a CloudEvent 1.0 with its place in the tenant's log.
type Event struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"` // what happened, such as order.placed
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"` // when it was committed
	DataContentType string    `json:"datacontenttype"`
	// Data is what happened in detail, as it was appended.
	Data json.RawMessage `json:"data"`

	// Position is its number in the tenant's log: 1, 2, 3 …
	Position      int64  `json:"tansuposition,string"`
	Tenant        string `json:"tansutenant"`
	StreamType    string `json:"tansustreamtype"`
	StreamID      string `json:"tansustreamid"`
	Version       int64  `json:"tansuversion,string"` // its number in the stream
	SchemaVersion int    `json:"tansuschemaversion"`  // of the data

	// Empty where the event's metadata have none.
	Actor         string `json:"tansuactor"` // principal that caused it
	CorrelationID string `json:"tansucorrelation"`
	CausationID   string `json:"tansucausation"`
	Traceparent   string `json:"traceparent"`

	// Raw is the whole CloudEvent as it came.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON reads a CloudEvent.
func (e *Event) UnmarshalJSON(raw []byte) error {
	type attributes Event
	if err := json.Unmarshal(raw, (*attributes)(e)); err != nil {
		return fmt.Errorf("an event: %w", err)
	}
	if e.Position < 1 || e.ID == "" || e.Type == "" {
		return errors.New("an event lacks its position, id or type")
	}
	e.Raw = append(json.RawMessage(nil), raw...)
	return nil
}
