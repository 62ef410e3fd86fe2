package access

import (
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/permission"
)

// Kind says what a principal is.
type Kind string

// The kinds of principals.
const (
	Operator       Kind = "operator"
	User           Kind = "user"
	ServiceAccount Kind = "service_account"
	APIKey         Kind = "api_key"
)

// Principal is who calls, with the rights of this moment.
type Principal struct {
	Kind  Kind
	Actor string // as events name it: "operator", "user:<id>", "service_account:<id>", "api_key:<id>"

	// Tenant is the one tenant that the credential is good for, if it is Bound to
	// one. The operator's is not.
	Tenant uuid.UUID
	Bound  bool
	// Member says that the principal belongs to the tenant at this moment.
	Member bool
	Roles  []string // in the tenant; API keys have none
	// Confined says that the tenant's identity provider vouched for the person, and
	// not they themselves: they change nothing about their account.
	Confined bool

	UserID    uuid.UUID // of users
	SessionID uuid.UUID // of users who signed in here; nil if a token of their provider speaks for them
	ClientID  string    // through which a token was got
	Scope     []string  // of users: what it was got for
	ExpiresAt time.Time // of the credential; zero: never

	permissions permission.Set
}

// Permitted reports whether the principal has a permission in a tenant.
func (p *Principal) Permitted(tenant uuid.UUID, name string) bool {
	if p.Kind == Operator {
		return name != ""
	}
	return p.Member && tenant == p.Tenant && p.permissions.Has(name)
}

// Permissions lists what the principal may do in its tenant; the operator may do
// everything.
func (p *Principal) Permissions() []string {
	if p.Kind != Operator {
		return p.permissions.Names()
	}
	var all []string
	for _, info := range permission.All() {
		all = append(all, info.Name)
	}
	return all
}
