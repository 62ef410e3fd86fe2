// Package space is what a tenant has once: where its objects lie, which defaults
// its collections and vector indexes begin with, and from which pages it may be
// used. There is one stream, and the tenant's own log begins with it.
package space

import (
	"time"

	"tansu.cloud/domain"
)

// The type and the id of the stream.
const (
	StreamType = "space"
	StreamID   = "space"
)

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 2

// Vectors are the defaults of vector indexes.
type Vectors struct {
	Metric         string `json:"metric"`
	Links          int    `json:"links"` // of each node of the graph
	EfConstruction int    `json:"ef_construction"`
	EfSearch       int    `json:"ef_search"`
}

// Collections are the defaults of collections.
type Collections struct {
	MaxDocumentBytes int64 `json:"max_document_bytes"`
}

// Opened: the tenant's log begins.
type Opened struct {
	TenantID      string      `json:"tenant_id"`
	StoragePrefix string      `json:"storage_prefix"` // of the keys of its objects
	Vectors       Vectors     `json:"vectors"`
	Collections   Collections `json:"collections"`
	At            time.Time   `json:"at"`
}

// State is a space as its events tell it. The zero State is one that has not
// been opened.
type State struct {
	TenantID      string      `json:"tenant_id"`
	StoragePrefix string      `json:"storage_prefix"`
	Vectors       Vectors     `json:"vectors"`
	Collections   Collections `json:"collections"`
	OpenedAt      time.Time   `json:"opened_at"`
	Origins       []string    `json:"origins"` // whose pages may use the tenant, sorted
}

// Event is something that happened to a space.
type Event interface {
	EventType() string
	SchemaVersion() int
	spaceEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Opened{}, OriginsChanged{}} }

// EventType implements Event.
func (Opened) EventType() string { return "space.opened" }

// SchemaVersion implements Event.
func (Opened) SchemaVersion() int { return 1 }
func (Opened) spaceEvent()        {}

// Command is something to do to a space.
type Command interface{ spaceCommand() }

// Open opens a space with the defaults of this release; of one that is open it
// changes nothing.
type Open struct {
	TenantID string
	At       time.Time
}

func (Open) spaceCommand() {}

// Decide says which events a command causes.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Open:
		return open(s, c)
	case ChangeOrigins:
		return changeOrigins(s, c)
	}
	return nil, domain.Invalid("space.command_unknown", "a space does not know this command")
}

func open(s State, c Open) ([]Event, error) {
	if s.TenantID != "" {
		return nil, nil
	}
	if problems := domain.CheckLine("/tenant_id", c.TenantID, 255); len(problems) > 0 {
		return nil, domain.Invalid("space.tenant_invalid", "a space is of one tenant", problems...)
	}
	return []Event{Opened{
		TenantID:      c.TenantID,
		StoragePrefix: "tenants/" + c.TenantID + "/",
		Vectors:       Vectors{Metric: "cosine", Links: 16, EfConstruction: 200, EfSearch: 64},
		Collections:   Collections{MaxDocumentBytes: 1 << 20},
		At:            c.At,
	}}, nil
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Opened:
		return State{e.TenantID, e.StoragePrefix, e.Vectors, e.Collections, e.At, s.Origins}
	case OriginsChanged:
		s.Origins = e.Origins
	}
	return s
}
