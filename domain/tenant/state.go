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
const StateVersion = 2

// Status is where a tenant stands in its life cycle.
type Status string

// A tenant is active once it is provisioned; archived is final.
const (
	StatusProvisioning Status = "provisioning"
	StatusFailed       Status = "provisioning_failed"
	StatusActive       Status = "active"
	StatusSuspended    Status = "suspended"
	StatusArchived     Status = "archived"
)

// Open reports whether a tenant's log is open to its members. It is while the
// tenant is provisioned: what is being prepared is for them, not by them.
func (s Status) Open() bool {
	return s == StatusActive || s == StatusProvisioning || s == StatusFailed
}

// State is a tenant as its events tell it. The zero State is a tenant that does
// not exist.
type State struct {
	ID        string         `json:"id"`
	Slug      string         `json:"slug"`
	Name      string         `json:"name"`
	Status    Status         `json:"status"`
	Settings  map[string]any `json:"settings"`
	Quotas    Quotas         `json:"quotas,omitempty"` // nil: the defaults
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`

	Provisioning Provisioning `json:"provisioning,omitzero"`
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
	case QuotasChanged:
		s.Quotas, s.UpdatedAt = e.Quotas, e.At
		s = s.provision(s.Provisioning.done(StepQuotas, e.At), e.At)
	case ProvisioningStarted:
		s = s.provision(started(e), e.At)
	case ProvisioningStepDone:
		s = s.provision(s.Provisioning.done(e.Step, e.At), e.At)
	case ProvisioningFailed:
		s = s.provision(s.Provisioning.failed(e.Step, e.Error, e.At), e.At)
	case ProvisioningResumed:
		s = s.provision(s.Provisioning.resume(), e.At)
	case Provisioned:
		p := s.Provisioning
		p.DoneAt = e.At
		s = s.provision(p, e.At)
	case Suspended:
		s.Status, s.UpdatedAt = StatusSuspended, e.At
	case Reactivated:
		s.Status, s.UpdatedAt = s.Provisioning.status(), e.At
	case Archived:
		s.Status, s.UpdatedAt = StatusArchived, e.At
	}
	return s
}
