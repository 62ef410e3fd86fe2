package provider

import (
	"reflect"
	"strings"
	"time"

	"tansu.cloud/domain"
)

// Command is something to do to a provider.
type Command interface{ identityProviderCommand() }

// The commands. Secrets have been stored before; At is the time of the decision.
type (
	// Add makes a provider, in one of its tenant's slots; 0 says that none is free.
	Add struct {
		ID        string
		Slot      int
		Issuer    string
		PlainHTTP bool // http is allowed besides https
		SecretID  string
		Profile   Profile
		At        time.Time
	}
	// Change replaces what can be changed. Another issuer is another provider.
	Change struct {
		Profile Profile
		At      time.Time
	}
	// ChangeSecret replaces the client secret.
	ChangeSecret struct {
		SecretID string
		At       time.Time
	}
	// Disable keeps people from signing in with it; it needs a reason.
	Disable struct {
		Reason string
		At     time.Time
	}
	// Enable lets them sign in with it again.
	Enable struct {
		Reason string
		At     time.Time
	}
	// Remove ends it for ever.
	Remove struct {
		Reason string
		At     time.Time
	}
	// AddDomain names an e-mail domain that is to lead to it.
	AddDomain struct {
		Domain string
		Token  string
		At     time.Time
	}
	// VerifyDomain notes that the token was found, and the domain is the tenant's.
	VerifyDomain struct {
		Domain string
		At     time.Time
	}
	// RemoveDomain takes a domain away.
	RemoveDomain struct {
		Domain string
		At     time.Time
	}
)

func (Add) identityProviderCommand()          {}
func (Change) identityProviderCommand()       {}
func (ChangeSecret) identityProviderCommand() {}
func (Disable) identityProviderCommand()      {}
func (Enable) identityProviderCommand()       {}
func (Remove) identityProviderCommand()       {}
func (AddDomain) identityProviderCommand()    {}
func (VerifyDomain) identityProviderCommand() {}
func (RemoveDomain) identityProviderCommand() {}

// Refusals that depend on the state alone.
var (
	ErrNotFound       = domain.NotFound("identity_provider.not_found", "there is no such identity provider")
	ErrAlreadyExists  = domain.Conflict("identity_provider.already_exists", "an identity provider with this id exists or existed")
	ErrTooMany        = domain.Conflict("identity_provider.too_many", "a tenant has at most 5 identity providers; remove one that is not used any more")
	ErrSlotTaken      = domain.Conflict("identity_provider.slot_taken", "another identity provider was added at the same moment; repeat the request")
	ErrTooManyDomains = domain.Conflict("identity_provider.too_many_domains", "an identity provider has at most 20 domains; remove one first")
	ErrDomainNotFound = domain.NotFound("identity_provider.domain_not_found", "the identity provider has no such domain")
	// ErrNotEnabled refuses who comes by a provider that does not count.
	ErrNotEnabled = domain.Conflict("identity_provider.not_enabled", "the identity provider is disabled or removed; nobody can sign in with it")
	// ErrSystemTenant keeps the platform's staff apart from what others vouch for.
	ErrSystemTenant = domain.Forbidden("identity_provider.system_tenant", "the platform's own people sign in here; add identity providers to tenants only")
)

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Add); ok {
		return add(s, c)
	}
	if s.Status == "" || s.Status == StatusRemoved {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Change:
		profile, problems := c.Profile.clean()
		if err := invalid(problems); err != nil || reflect.DeepEqual(profile, s.Profile) {
			return nil, err
		}
		return []Event{Changed{s.ID, profile, c.At}}, nil
	case ChangeSecret:
		if err := invalid(domain.CheckLine("/secret_id", c.SecretID, 255)); err != nil || c.SecretID == s.SecretID {
			return nil, err
		}
		return []Event{SecretChanged{s.ID, c.SecretID, c.At}}, nil
	case Disable:
		if err := invalid(domain.CheckReason(c.Reason, true)); err != nil || s.Status == StatusDisabled {
			return nil, err
		}
		return []Event{Disabled{s.ID, strings.TrimSpace(c.Reason), c.At}}, nil
	case Enable:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || s.Status == StatusEnabled {
			return nil, err
		}
		return []Event{Enabled{s.ID, strings.TrimSpace(c.Reason), c.At}}, nil
	case Remove:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil {
			return nil, err
		}
		return []Event{Removed{s.ID, s.Slot, strings.TrimSpace(c.Reason), c.At}}, nil
	}
	return decideDomain(s, c)
}

func decideDomain(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case AddDomain:
		name, problems := NormaliseDomain(c.Domain)
		problems = append(problems, domain.CheckLine("/token", c.Token, 255)...)
		if err := invalid(problems); err != nil {
			return nil, err
		}
		if _, again := s.Domain(name); again {
			return nil, nil
		}
		if len(s.Domains) >= MaxDomains {
			return nil, ErrTooManyDomains
		}
		return []Event{DomainAdded{s.ID, name, c.Token, c.At}}, nil
	case VerifyDomain:
		d, known := s.Domain(c.Domain)
		switch {
		case !known:
			return nil, ErrDomainNotFound
		case d.Verified:
			return nil, nil
		}
		return []Event{DomainVerified{s.ID, d.Name, c.At}}, nil
	case RemoveDomain:
		d, known := s.Domain(c.Domain)
		if !known {
			return nil, ErrDomainNotFound
		}
		return []Event{DomainRemoved{s.ID, d.Name, c.At}}, nil
	}
	return nil, domain.Invalid("identity_provider.command_unknown", "an identity provider does not know this command")
}

func add(s State, c Add) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyExists
	}
	problems := domain.CheckLine("/id", c.ID, 255)
	problems = append(problems, checkIssuer(c.Issuer, c.PlainHTTP)...)
	problems = append(problems, domain.CheckLine("/secret_id", c.SecretID, 255)...)
	profile, more := c.Profile.clean()
	if err := invalid(append(problems, more...)); err != nil {
		return nil, err
	}
	if c.Slot < 1 || c.Slot > MaxPerTenant {
		return nil, ErrTooMany
	}
	return []Event{Added{c.ID, c.Slot, c.Issuer, c.SecretID, profile, c.At}}, nil
}

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("identity_provider.command_invalid", "the command has invalid fields", fields...)
}
