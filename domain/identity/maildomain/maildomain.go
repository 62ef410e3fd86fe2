// Package maildomain is the aggregate of an e-mail domain that a tenant has shown
// to be its own. A domain leads to one tenant in the whole installation, so its
// stream stands in the system tenant's log and its id is the domain: whoever comes
// second finds it held.
package maildomain

import (
	"time"

	"tansu.cloud/domain"
)

// StreamType is the type of a domain's stream; the stream's id is the domain, as
// provider.NormaliseDomain gives it.
const StreamType = "mail_domain"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// State is who holds a domain; nobody holds the zero State.
type State struct {
	Domain     string    `json:"domain"`
	TenantID   string    `json:"tenant_id"` // empty: nobody
	ProviderID string    `json:"provider_id"`
	HeldAt     time.Time `json:"held_at"`
}

// Event is something that happened to a domain. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	mailDomainEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Held{}, Released{}} }

// Held: people with addresses in the domain are led to this provider.
type Held struct {
	Domain     string    `json:"domain"`
	TenantID   string    `json:"tenant_id"`
	ProviderID string    `json:"provider_id"`
	At         time.Time `json:"at"`
}

// Released: the domain is free.
type Released struct {
	Domain   string    `json:"domain"`
	TenantID string    `json:"tenant_id"`
	At       time.Time `json:"at"`
}

func (Held) EventType() string     { return "mail_domain.held" }
func (Released) EventType() string { return "mail_domain.released" }

func (Held) SchemaVersion() int     { return 1 }
func (Released) SchemaVersion() int { return 1 }

func (Held) mailDomainEvent()     {}
func (Released) mailDomainEvent() {}

// Command is something to do to a domain.
type Command interface{ mailDomainCommand() }

type (
	// Hold takes a domain for a provider of a tenant, which has just shown that it
	// is the tenant's. Within the tenant it can go from one provider to another.
	Hold struct {
		Domain     string
		TenantID   string
		ProviderID string
		At         time.Time
	}
	// Release frees a domain that this provider of the tenant holds.
	Release struct {
		TenantID   string
		ProviderID string
		At         time.Time
	}
)

func (Hold) mailDomainCommand()    {}
func (Release) mailDomainCommand() {}

// ErrTaken: the domain leads to another tenant.
var ErrTaken = domain.Conflict("mail_domain.taken", "another tenant holds this domain; it has to be removed there first",
	domain.FieldError{Field: "/domain", Code: "taken", Message: "belongs to another tenant"})

// Decide says which events a command causes; holding what is held and releasing
// what is not causes none.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Hold:
		problems := domain.CheckLine("/domain", c.Domain, 255)
		problems = append(problems, domain.CheckLine("/tenant_id", c.TenantID, 255)...)
		problems = append(problems, domain.CheckLine("/provider_id", c.ProviderID, 255)...)
		switch {
		case len(problems) > 0:
			return nil, domain.Invalid("mail_domain.command_invalid", "the command has invalid fields", problems...)
		case s.TenantID != "" && s.TenantID != c.TenantID:
			return nil, ErrTaken
		case s.TenantID == c.TenantID && s.ProviderID == c.ProviderID:
			return nil, nil
		}
		return []Event{Held(c)}, nil
	case Release:
		if s.TenantID == "" || s.TenantID != c.TenantID || s.ProviderID != c.ProviderID {
			return nil, nil
		}
		return []Event{Released{s.Domain, s.TenantID, c.At}}, nil
	}
	return nil, domain.Invalid("mail_domain.command_unknown", "a domain does not know this command")
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Held:
		return State{Domain: e.Domain, TenantID: e.TenantID, ProviderID: e.ProviderID, HeldAt: e.At}
	case Released:
		return State{}
	}
	return s
}
