package tenant

import (
	"reflect"
	"strings"
	"time"

	"tansu.cloud/domain"
)

// Command is something to do to a tenant.
type Command interface{ tenantCommand() }

// The commands. Ids and times are inputs; At is the time of the decision.
type (
	// Create makes a tenant that does not exist yet.
	Create struct {
		ID, Slug, Name string
		Settings       map[string]any
		Provision      *Provision // nil: there is nothing to prepare, it is active at once
		At             time.Time
	}
	// Rename gives the tenant another display name.
	Rename struct {
		Name string
		At   time.Time
	}
	// ChangeSettings replaces all settings.
	ChangeSettings struct {
		Settings map[string]any
		At       time.Time
	}
	// ChangeQuotas replaces all quotas; those left out go back to their defaults.
	ChangeQuotas struct {
		Quotas Quotas
		At     time.Time
	}
	// Suspend locks a tenant out; it needs a reason.
	Suspend struct {
		Reason string
		At     time.Time
	}
	// Reactivate lets a suspended tenant in again.
	Reactivate struct {
		Reason string
		At     time.Time
	}
	// Archive closes the tenant for ever; it needs a reason.
	Archive struct {
		Reason string
		At     time.Time
	}
)

func (Create) tenantCommand()         {}
func (Rename) tenantCommand()         {}
func (ChangeSettings) tenantCommand() {}
func (ChangeQuotas) tenantCommand()   {}
func (Suspend) tenantCommand()        {}
func (Reactivate) tenantCommand()     {}
func (Archive) tenantCommand()        {}

// MaxName is the most characters of a tenant's name.
const MaxName = 200

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Create); ok {
		return create(s, c)
	}
	switch {
	case s.Status == "":
		return nil, ErrNotFound
	case s.Status == StatusArchived:
		return nil, ErrArchived
	}
	switch c := c.(type) {
	case Rename:
		name := strings.TrimSpace(c.Name)
		if err := invalid(domain.CheckLine("/name", name, MaxName)); err != nil || name == s.Name {
			return nil, err
		}
		return []Event{Renamed{name, c.At}}, nil
	case ChangeSettings:
		settings, problems := cleanSettings(c.Settings)
		if err := invalid(problems); err != nil || reflect.DeepEqual(settings, s.Settings) {
			return nil, err
		}
		return []Event{SettingsChanged{settings, c.At}}, nil
	case ChangeQuotas:
		quotas, problems := cleanQuotas(c.Quotas)
		if err := invalid(problems); err != nil || reflect.DeepEqual(quotas, s.Quotas) {
			return nil, err
		}
		return []Event{QuotasChanged{quotas, c.At}}, nil
	case CompleteStep:
		return completeStep(s, c)
	case FailProvisioning:
		return failProvisioning(s, c)
	case ResumeProvisioning:
		return resumeProvisioning(s, c)
	case Suspend:
		if err := invalid(domain.CheckReason(c.Reason, true)); err != nil {
			return nil, err
		}
		if s.Status == StatusSuspended {
			return nil, ErrNotActive
		}
		return []Event{Suspended{strings.TrimSpace(c.Reason), c.At}}, nil
	case Reactivate:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil {
			return nil, err
		}
		if s.Status != StatusSuspended {
			return nil, ErrNotSuspended
		}
		return []Event{Reactivated{strings.TrimSpace(c.Reason), c.At}}, nil
	case Archive:
		if err := invalid(domain.CheckReason(c.Reason, true)); err != nil {
			return nil, err
		}
		return []Event{Archived{strings.TrimSpace(c.Reason), c.At}}, nil
	}
	return nil, domain.Invalid("tenant.command_unknown", "a tenant does not know this command")
}

func create(s State, c Create) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyExists
	}
	name := strings.TrimSpace(c.Name)
	settings, problems := cleanSettings(c.Settings)
	problems = append(problems, domain.CheckLine("/id", c.ID, 255)...)
	problems = append(problems, CheckSlug(c.Slug)...)
	problems = append(problems, domain.CheckLine("/name", name, MaxName)...)
	if err := invalid(problems); err != nil {
		return nil, err
	}
	events := []Event{Created{c.ID, c.Slug, name, settings, c.At}}
	if c.Provision == nil {
		return events, nil
	}
	started, err := startProvisioning(c)
	if err != nil {
		return nil, err
	}
	return append(events, started), nil
}
