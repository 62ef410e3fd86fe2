package provider

import "time"

// Event is something that happened to a provider. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	identityProviderEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event {
	return []Event{
		Added{}, Changed{}, SecretChanged{}, Enabled{}, Disabled{}, Removed{}, DomainAdded{}, DomainVerified{}, DomainRemoved{},
	}
}

// Added: people can sign in at this issuer.
type Added struct {
	ID       string    `json:"id"`
	Slot     int       `json:"slot"`
	Issuer   string    `json:"issuer"`
	SecretID string    `json:"secret_id"`
	Profile  Profile   `json:"profile"`
	At       time.Time `json:"at"`
}

// Changed: what can be changed about the provider is like so.
type Changed struct {
	ID      string    `json:"id"`
	Profile Profile   `json:"profile"`
	At      time.Time `json:"at"`
}

// SecretChanged: from now on this client secret is shown to the provider.
type SecretChanged struct {
	ID       string    `json:"id"`
	SecretID string    `json:"secret_id"`
	At       time.Time `json:"at"`
}

// Enabled: people can sign in with it again. What they had before it was disabled
// does not come back.
type Enabled struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Disabled: nobody can sign in with it, and the sessions that it vouched for are
// over.
type Disabled struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Removed: the provider is gone for ever, with its domains, and its slot is free.
type Removed struct {
	ID     string    `json:"id"`
	Slot   int       `json:"slot"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// DomainAdded: an e-mail domain is to lead to the provider once the token was
// found in it.
type DomainAdded struct {
	ID     string    `json:"id"`
	Domain string    `json:"domain"`
	Token  string    `json:"token"`
	At     time.Time `json:"at"`
}

// DomainVerified: the token was found, and people with addresses in the domain are
// led to the provider.
type DomainVerified struct {
	ID     string    `json:"id"`
	Domain string    `json:"domain"`
	At     time.Time `json:"at"`
}

// DomainRemoved: the domain leads nowhere any more.
type DomainRemoved struct {
	ID     string    `json:"id"`
	Domain string    `json:"domain"`
	At     time.Time `json:"at"`
}

func (Added) EventType() string          { return "identity_provider.added" }
func (Changed) EventType() string        { return "identity_provider.changed" }
func (SecretChanged) EventType() string  { return "identity_provider.secret_changed" }
func (Enabled) EventType() string        { return "identity_provider.enabled" }
func (Disabled) EventType() string       { return "identity_provider.disabled" }
func (Removed) EventType() string        { return "identity_provider.removed" }
func (DomainAdded) EventType() string    { return "identity_provider.domain_added" }
func (DomainVerified) EventType() string { return "identity_provider.domain_verified" }
func (DomainRemoved) EventType() string  { return "identity_provider.domain_removed" }

func (Added) SchemaVersion() int          { return 2 }
func (Changed) SchemaVersion() int        { return 2 }
func (SecretChanged) SchemaVersion() int  { return 1 }
func (Enabled) SchemaVersion() int        { return 1 }
func (Disabled) SchemaVersion() int       { return 1 }
func (Removed) SchemaVersion() int        { return 1 }
func (DomainAdded) SchemaVersion() int    { return 1 }
func (DomainVerified) SchemaVersion() int { return 1 }
func (DomainRemoved) SchemaVersion() int  { return 1 }

func (Added) identityProviderEvent()          {}
func (Changed) identityProviderEvent()        {}
func (SecretChanged) identityProviderEvent()  {}
func (Enabled) identityProviderEvent()        {}
func (Disabled) identityProviderEvent()       {}
func (Removed) identityProviderEvent()        {}
func (DomainAdded) identityProviderEvent()    {}
func (DomainVerified) identityProviderEvent() {}
func (DomainRemoved) identityProviderEvent()  {}
