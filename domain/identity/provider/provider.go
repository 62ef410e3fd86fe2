// Package provider is the aggregate of an OpenID provider of a tenant's own, at
// which its people sign in. Streams stand in that tenant's log; the client secret
// it knows by id only. Which e-mail domains lead to it counts across tenants, so
// the verified ones are held in the system tenant's log (package maildomain).
package provider

import (
	"slices"
	"time"
)

// StreamType is the type of a provider's stream; the stream's id is the
// provider's, a UUID.
const StreamType = "identity_provider"

// SlotScope is the scope in which providers claim one of their tenant's places,
// "1" to MaxPerTenant, which is what bounds their number.
const SlotScope = "identity_provider.slot"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 2

// Status is whether people can sign in with a provider.
type Status string

// A provider is enabled when it is added; removed is final.
const (
	StatusEnabled  Status = "enabled"
	StatusDisabled Status = "disabled"
	StatusRemoved  Status = "removed"
)

// Profile is what can be changed about a provider.
type Profile struct {
	Name        string   `json:"name"`
	ClientID    string   `json:"client_id"`
	Scopes      []string `json:"scopes"`
	GroupsClaim string   `json:"groups_claim"`
	// Mapping gives roles to the groups that the provider names.
	Mapping []GroupRoles `json:"mapping"`
	// DefaultRoles are for people in none of these groups; none: they are not let in.
	DefaultRoles []string `json:"default_roles"`
	// JustInTime lets people in whom nobody here knows yet. Without it they need
	// an account that is linked first.
	JustInTime bool `json:"just_in_time"`

	// APIAudience is what access tokens of the provider must be for to be good at our
	// own interface; empty: none are. Since version 2 of the events.
	APIAudience string `json:"api_audience,omitempty"`
}

// GroupRoles are the roles of a group.
type GroupRoles struct {
	Group string   `json:"group"`
	Roles []string `json:"roles"` // sorted
}

// RolesOf returns the roles of somebody in these groups, sorted; none: they have
// no place in the tenant.
func (p Profile) RolesOf(groups []string) []string {
	roles := []string{}
	mapped := false
	for _, m := range p.Mapping {
		if slices.Contains(groups, m.Group) {
			roles, mapped = append(roles, m.Roles...), true
		}
	}
	if !mapped {
		roles = append(roles, p.DefaultRoles...)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// Domain is an e-mail domain that is to lead to a provider.
type Domain struct {
	Name     string `json:"name"`
	Token    string `json:"token"` // to be published in the domain
	Verified bool   `json:"verified"`
}

// State is a provider as its events tell it. The zero State is one that does not
// exist.
type State struct {
	ID             string    `json:"id"`
	Slot           int       `json:"slot"`
	Issuer         string    `json:"issuer"`
	Profile        Profile   `json:"profile"`
	SecretID       string    `json:"secret_id"`
	Domains        []Domain  `json:"domains"` // by the time they were added
	Status         Status    `json:"status"`
	DisabledReason string    `json:"disabled_reason"`
	EnabledAt      time.Time `json:"enabled_at"` // sign-ins before do not count
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Domain finds a domain by its name.
func (s State) Domain(name string) (Domain, bool) {
	i := slices.IndexFunc(s.Domains, func(d Domain) bool { return d.Name == name })
	if i < 0 {
		return Domain{}, false
	}
	return s.Domains[i], true
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Added:
		return State{
			ID: e.ID, Slot: e.Slot, Issuer: e.Issuer, SecretID: e.SecretID, Profile: e.Profile, Status: StatusEnabled, Domains: []Domain{},
			EnabledAt: e.At, CreatedAt: e.At, UpdatedAt: e.At,
		}
	case Changed:
		s.Profile, s.UpdatedAt = e.Profile, e.At
	case SecretChanged:
		s.SecretID, s.UpdatedAt = e.SecretID, e.At
	case Enabled:
		s.Status, s.DisabledReason, s.EnabledAt, s.UpdatedAt = StatusEnabled, "", e.At, e.At
	case Disabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusDisabled, e.Reason, e.At
	case DomainAdded:
		s.Domains, s.UpdatedAt = append(slices.Clone(s.Domains), Domain{Name: e.Domain, Token: e.Token}), e.At
	case DomainVerified:
		s.Domains, s.UpdatedAt = slices.Clone(s.Domains), e.At
		for i := range s.Domains {
			if s.Domains[i].Name == e.Domain {
				s.Domains[i].Verified = true
			}
		}
	case DomainRemoved:
		s.Domains, s.UpdatedAt = slices.DeleteFunc(slices.Clone(s.Domains), func(d Domain) bool { return d.Name == e.Domain }), e.At
	case Removed:
		s.Domains, s.Status, s.UpdatedAt = []Domain{}, StatusRemoved, e.At
	}
	return s
}
