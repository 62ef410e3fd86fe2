package user

import (
	"slices"
	"time"

	"tansu.cloud/domain"
)

// MaxIdentities is how many identities a user can have, and MaxSubject the most
// bytes of what a provider calls somebody (OpenID Connect Core, section 2).
const (
	MaxIdentities = 20
	MaxSubject    = 255
)

// Identity is who a user is at a tenant's own identity provider: somebody of that
// issuer, whatever address they have. Index, a keyed hash of tenant, issuer and
// subject, belongs to one user.
type Identity struct {
	TenantID   string    `json:"tenant_id"`
	ProviderID string    `json:"provider_id"`
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject"`
	Index      string    `json:"index"`
	LinkedAt   time.Time `json:"linked_at"`
}

type (
	// LinkIdentity lets the user sign in with an identity too.
	LinkIdentity struct {
		Identity Identity // its LinkedAt is not looked at
		At       time.Time
	}
	// UnlinkIdentity ends that.
	UnlinkIdentity struct {
		Index string
		At    time.Time
	}
)

func (LinkIdentity) userCommand()   {}
func (UnlinkIdentity) userCommand() {}

// IdentityLinked: who shows at this issuer that they are this subject is the user,
// in the tenant whose provider it is.
type IdentityLinked struct {
	UserID     string    `json:"user_id"`
	TenantID   string    `json:"tenant_id"`
	ProviderID string    `json:"provider_id"`
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject" personal:"user_id"`
	Index      string    `json:"index"`
	At         time.Time `json:"at"`
}

// IdentityUnlinked: the identity is nobody's any more.
type IdentityUnlinked struct {
	UserID     string    `json:"user_id"`
	TenantID   string    `json:"tenant_id"`
	ProviderID string    `json:"provider_id"`
	Index      string    `json:"index"`
	At         time.Time `json:"at"`
}

func (IdentityLinked) EventType() string   { return "user.identity_linked" }
func (IdentityUnlinked) EventType() string { return "user.identity_unlinked" }

func (IdentityLinked) SchemaVersion() int   { return 1 }
func (IdentityUnlinked) SchemaVersion() int { return 1 }

func (IdentityLinked) userEvent()   {}
func (IdentityUnlinked) userEvent() {}

// Refusals.
var (
	ErrIdentityTaken = domain.Conflict("user.identity_taken", "this identity is linked to an account already; sign in with it, or unlink it there first")
	ErrNoIdentity    = domain.NotFound("user.identity_not_found", "the user has no such identity")
	// ErrTooManyIdentities bounds what a user's stream tells.
	ErrTooManyIdentities = domain.Conflict("user.too_many_identities", "a user has at most 20 linked identities; unlink one first")
)

// identity finds one by its index.
func (s State) identity(index string) (Identity, bool) {
	i := slices.IndexFunc(s.Identities, func(i Identity) bool { return i.Index == index })
	if i < 0 {
		return Identity{}, false
	}
	return s.Identities[i], true
}

func (i Identity) check() []domain.FieldError {
	problems := domain.CheckLine("/tenant_id", i.TenantID, 255)
	problems = append(problems, domain.CheckLine("/provider_id", i.ProviderID, 255)...)
	problems = append(problems, domain.CheckLine("/issuer", i.Issuer, 500)...)
	problems = append(problems, domain.CheckLine("/subject", i.Subject, MaxSubject)...)
	return append(problems, domain.CheckLine("/index", i.Index, 255)...)
}

func (i Identity) linked(userID string, at time.Time) IdentityLinked {
	return IdentityLinked{userID, i.TenantID, i.ProviderID, i.Issuer, i.Subject, i.Index, at}
}

func decideIdentity(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case LinkIdentity:
		if err := invalid(c.Identity.check()); err != nil {
			return nil, err
		}
		if s.Status != StatusActive {
			return nil, ErrNotActive
		}
		if _, again := s.identity(c.Identity.Index); again {
			return nil, nil
		}
		if len(s.Identities) >= MaxIdentities {
			return nil, ErrTooManyIdentities
		}
		return []Event{c.Identity.linked(s.UserID, c.At)}, nil
	case UnlinkIdentity:
		i, known := s.identity(c.Index)
		if !known {
			return nil, ErrNoIdentity
		}
		return []Event{IdentityUnlinked{s.UserID, i.TenantID, i.ProviderID, i.Index, c.At}}, nil
	}
	return nil, domain.Invalid("user.command_unknown", "a user does not know this command")
}

// applyIdentity leaves the list that s came with as it is.
func applyIdentity(s State, e Event) State {
	switch e := e.(type) {
	case IdentityLinked:
		s.UpdatedAt = e.At
		s.Identities = append(slices.Clone(s.Identities), Identity{e.TenantID, e.ProviderID, e.Issuer, e.Subject, e.Index, e.At})
	case IdentityUnlinked:
		s.UpdatedAt = e.At
		s.Identities = slices.DeleteFunc(slices.Clone(s.Identities), func(i Identity) bool { return i.Index == e.Index })
	}
	return s
}
