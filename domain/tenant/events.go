package tenant

import "time"

// Event is something that happened to a tenant. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	tenantEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event {
	return []Event{
		Created{}, Renamed{}, SettingsChanged{}, QuotasChanged{}, Suspended{}, Reactivated{}, Archived{},
		ProvisioningStarted{}, ProvisioningStepDone{}, ProvisioningFailed{}, ProvisioningResumed{}, Provisioned{},
	}
}

// Created: the tenant exists under a slug of its own, active unless its
// provisioning starts with it.
type Created struct {
	ID       string         `json:"id"`
	Slug     string         `json:"slug"`
	Name     string         `json:"name"`
	Settings map[string]any `json:"settings"`
	At       time.Time      `json:"at"`
}

// Renamed: the tenant has another display name.
type Renamed struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// SettingsChanged: all settings were replaced by these.
type SettingsChanged struct {
	Settings map[string]any `json:"settings"`
	At       time.Time      `json:"at"`
}

// QuotasChanged: these are the tenant's quotas, all of them.
type QuotasChanged struct {
	Quotas Quotas    `json:"quotas"`
	At     time.Time `json:"at"`
}

// Suspended: the tenant is locked out until it is reactivated.
type Suspended struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Reactivated: a suspended tenant is active again.
type Reactivated struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Archived: the tenant is closed for ever; its log stays readable.
type Archived struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (Created) EventType() string         { return "tenant.created" }
func (Renamed) EventType() string         { return "tenant.renamed" }
func (SettingsChanged) EventType() string { return "tenant.settings_changed" }
func (QuotasChanged) EventType() string   { return "tenant.quotas_changed" }
func (Suspended) EventType() string       { return "tenant.suspended" }
func (Reactivated) EventType() string     { return "tenant.reactivated" }
func (Archived) EventType() string        { return "tenant.archived" }

func (Created) SchemaVersion() int         { return 1 }
func (Renamed) SchemaVersion() int         { return 1 }
func (SettingsChanged) SchemaVersion() int { return 1 }
func (QuotasChanged) SchemaVersion() int   { return 1 }
func (Suspended) SchemaVersion() int       { return 1 }
func (Reactivated) SchemaVersion() int     { return 1 }
func (Archived) SchemaVersion() int        { return 1 }

func (Created) tenantEvent()         {}
func (Renamed) tenantEvent()         {}
func (SettingsChanged) tenantEvent() {}
func (QuotasChanged) tenantEvent()   {}
func (Suspended) tenantEvent()       {}
func (Reactivated) tenantEvent()     {}
func (Archived) tenantEvent()        {}
