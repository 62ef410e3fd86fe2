package feed

import "encoding/json"

// What a client sends.
type (
	connectFrame struct {
		Type   string `json:"type"` // connect
		Token  string `json:"token"`
		Tenant string `json:"tenant,omitempty"`
	}
	refreshFrame struct {
		Type  string `json:"type"` // refresh
		Token string `json:"token"`
	}
	subscribeFrame struct {
		Type     string    `json:"type"` // subscribe
		ID       string    `json:"id"`
		Topics   []Topic   `json:"topics,omitempty"`
		Filter   string    `json:"filter,omitempty"`
		From     fromFrame `json:"from"`
		Coalesce bool      `json:"coalesce,omitempty"`
	}
	fromFrame struct {
		Now      bool   `json:"now,omitempty"`
		After    *int64 `json:"after,omitempty"`
		Snapshot string `json:"snapshot,omitempty"`
	}
	joinFrame struct {
		Type    string          `json:"type"` // join
		Channel string          `json:"channel"`
		State   json.RawMessage `json:"state,omitempty"`
	}
	broadcastFrame struct {
		Type    string          `json:"type"` // broadcast
		Channel string          `json:"channel"`
		Data    json.RawMessage `json:"data"`
	}
)

// frame is what a server sends: the fields of all its frames together. Frames
// and fields that this package does not know are passed over.
type frame struct {
	Type     string            `json:"type"`
	ID       string            `json:"id"`
	Position int64             `json:"position"`
	Events   []Event           `json:"events"`
	Rows     []json.RawMessage `json:"rows"`

	Code    string       `json:"code"`
	Detail  string       `json:"detail"`
	Errors  []FieldError `json:"errors"`
	RetryIn int          `json:"retry_in"` // milliseconds

	Connection string          `json:"connection"`
	Channel    string          `json:"channel"`
	Members    []Member        `json:"members"`
	Joined     *Member         `json:"joined"`
	Left       *Member         `json:"left"`
	From       Member          `json:"from"`
	Data       json.RawMessage `json:"data"`
}
