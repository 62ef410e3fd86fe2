// Package tenant is the aggregate of one tenant of the platform: its slug, name,
// settings and life cycle. Its streams stand in the system tenant's log; the
// tenant directory is the read model that serves them.
package tenant

import "time"

// StreamType is the type of a tenant's stream; the stream's id is the tenant's.
const StreamType = "tenant"

// SlugScope is the scope in which slugs are claimed. An archived tenant keeps
// its slug, so that no address ever leads to another tenant than before.
const SlugScope = "tenant.slug"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// Status is where a tenant stands in its life cycle.
type Status string

// A tenant starts active; archived is final.
const (
	StatusActive    Status = "active"
	StatusSuspended Status = "suspended"
	StatusArchived  Status = "archived"
)

// State is a tenant as its events tell it. The zero State is a tenant that does
// not exist.
type State struct {
	ID        string         `json:"id"`
	Slug      string         `json:"slug"`
	Name      string         `json:"name"`
	Status    Status         `json:"status"`
	Settings  map[string]any `json:"settings"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Created:
		return State{
			ID: e.ID, Slug: e.Slug, Name: e.Name, Status: StatusActive, Settings: e.Settings,
			CreatedAt: e.At, UpdatedAt: e.At,
		}
	case Renamed:
		s.Name, s.UpdatedAt = e.Name, e.At
	case SettingsChanged:
		s.Settings, s.UpdatedAt = e.Settings, e.At
	case Suspended:
		s.Status, s.UpdatedAt = StatusSuspended, e.At
	case Reactivated:
		s.Status, s.UpdatedAt = StatusActive, e.At
	case Archived:
		s.Status, s.UpdatedAt = StatusArchived, e.At
	}
	return s
}
