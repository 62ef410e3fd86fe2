package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/access"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/users"
)

// Permission is something that can be permitted.
type Permission struct {
	Name     string `json:"name" doc:"What routes ask for." example:"events.read"`
	Title    string `json:"title" doc:"What it allows." example:"Read and follow the tenant's events and the states of its streams"`
	Platform bool   `json:"platform" doc:"Whether it has a meaning in the system tenant only." example:"false"`
	Owner    bool   `json:"owner_only" doc:"Whether the role owner alone holds it." example:"false"`
}

// PermissionList holds all permissions.
type PermissionList struct {
	Items []Permission `json:"items" doc:"All permissions, by name."`
}

// Me is who calls, and what they may do.
type Me struct {
	Kind        string       `json:"kind" enum:"operator,user,service_account,api_key" doc:"What the caller is." example:"user"`
	Actor       string       `json:"actor" doc:"As events name the caller." example:"user:01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	User        *MyUser      `json:"user,omitempty" doc:"The person; only of users."`
	Tenant      *MyTenant    `json:"tenant,omitempty" doc:"The tenant that the token is for; absent for the operator."`
	Member      bool         `json:"member" doc:"Whether the caller belongs to that tenant at present." example:"true"`
	Roles       []string     `json:"roles" doc:"The caller's roles there." example:"[\"developer\"]"`
	Permissions []string     `json:"permissions" doc:"What the caller may do there." example:"[\"events.read\"]"`
	Memberships []Membership `json:"memberships,omitempty" doc:"All tenants of the person; only of users. With the token of an application that the person let in, or that comes from a tenant's identity provider, the token's tenant alone."`
	SessionID   string       `json:"session_id,omitempty" doc:"The session that the token comes from; only of users who signed in here." example:"01926a3e-aaaa-7c4b-9a51-3f0c1b2d4e5f"`
	ExpiresAt   *time.Time   `json:"expires_at,omitempty" doc:"To when the token holds; absent: for ever." example:"2026-01-31T12:10:00Z"`
}

// MyUser is the person who calls.
type MyUser struct {
	ID       string `json:"id" doc:"UUID of the user." example:"01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	Email    string `json:"email,omitempty" doc:"E-mail address. Applications that the person let in need the scope email." example:"ada@example.com"`
	Name     string `json:"name,omitempty" doc:"Name for people. Applications that the person let in need the scope profile." example:"Ada Lovelace"`
	Verified *bool  `json:"verified,omitempty" doc:"Whether the address is known to be theirs; where it is shown." example:"true"`
}

// MyTenant is a tenant, as far as its members see it.
type MyTenant struct {
	ID     string `json:"id" doc:"UUID of the tenant." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Slug   string `json:"slug" doc:"Unique name in addresses." example:"acme"`
	Name   string `json:"name" doc:"Name for people." example:"Acme Ltd"`
	Status string `json:"status" enum:"provisioning,provisioning_failed,active,suspended,archived" doc:"Whether its log is open." example:"active"`
}

// Membership is a tenant in which a person has roles.
type Membership struct {
	Tenant MyTenant `json:"tenant" doc:"The tenant."`
	Roles  []string `json:"roles" doc:"The person's roles there." example:"[\"developer\"]"`
}

func (s *server) accountRoutes() {
	register(s, endpoint{
		route: route{anyone: true}, id: "list-permissions", method: http.MethodGet, path: "/v1/permissions", tag: "Account",
		summary: "List permissions", description: "Everything that roles, API keys and service accounts can permit.",
	}, func(context.Context, *struct{}) (*listed[PermissionList], error) {
		out := &listed[PermissionList]{}
		for _, p := range permission.All() {
			out.Body.Items = append(out.Body.Items, Permission{p.Name, p.Title, p.Platform, p.OwnerOnly})
		}
		return out, nil
	})
	register(s, endpoint{
		route: route{anyone: true}, id: "get-me", method: http.MethodGet, path: "/v1/me", tag: "Account",
		summary: "Read who one is", description: "Who the token stands for and what it permits at this moment. Roles that are being given or taken show within a second.",
	}, s.getMe)
	register(s, endpoint{
		route: route{anyone: true, tenant: true}, id: "get-current-tenant", method: http.MethodGet, path: "/v1/tenants/current", tag: "Account",
		summary: "Read the tenant that one is in", description: "The tenant that requests with this token are about, for its members: with its quotas, and what is used of them.",
	}, func(ctx context.Context, _ *struct{}) (*listed[CurrentTenant], error) {
		t, err := s.currentTenant(ctx, callOf(ctx).tenant)
		return &listed[CurrentTenant]{Body: t}, err
	})
}

func (s *server) getMe(ctx context.Context, _ *struct{}) (*listed[Me], error) {
	p := callOf(ctx).principal
	me := Me{
		Kind: string(p.Kind), Actor: p.Actor, Member: p.Member, Roles: listOf(p.Roles), Permissions: listOf(p.Permissions()),
		ExpiresAt: never(p.ExpiresAt),
	}
	if p.Bound {
		t, err := s.myTenant(ctx, p.Tenant)
		if err != nil {
			return nil, err
		}
		me.Tenant = &t
	}
	if p.Kind == access.User {
		if err := s.describeUser(ctx, p, &me); err != nil {
			return nil, err
		}
	}
	return &listed[Me]{Body: me}, nil
}

func (s *server) describeUser(ctx context.Context, p *access.Principal, me *Me) error {
	if p.SessionID != uuid.Nil {
		me.SessionID = p.SessionID.String()
	}
	u, err := s.Users.Get(ctx, p.UserID)
	if err != nil {
		return err
	}
	delegated, err := s.delegated(ctx, p)
	if err != nil {
		return err
	}
	me.User = &MyUser{ID: u.ID.String()}
	if !delegated || slices.Contains(p.Scope, "email") {
		me.User.Email, me.User.Verified = u.Email, &u.Verified
	}
	if !delegated || slices.Contains(p.Scope, "profile") {
		me.User.Name = u.Name
	}
	memberships, err := s.Directory.MembershipsOf(ctx, p.UserID)
	if err != nil {
		return err
	}
	me.Memberships = []Membership{}
	for _, m := range memberships {
		if (p.Confined || delegated) && m.Tenant != p.Tenant {
			continue // the token tells nothing about other tenants
		}
		t, err := s.myTenant(ctx, m.Tenant)
		if err != nil {
			return err
		}
		me.Memberships = append(me.Memberships, Membership{t, listOf(m.Roles)})
	}
	return nil
}

// myTenant describes a tenant for its members.
func (s *server) myTenant(ctx context.Context, id uuid.UUID) (MyTenant, error) {
	if id == eventstore.SystemTenant {
		return MyTenant{ID: id.String(), Slug: "system", Name: "System", Status: "active"}, nil
	}
	t, err := s.Tenants.Get(ctx, id.String())
	return MyTenant{t.ID.String(), t.Slug, t.Name, t.Status}, missingAs(err, tenant.ErrNotFound)
}

// tenantName is what a tenant is called in messages.
func (s *server) tenantName(ctx context.Context, id uuid.UUID) string {
	t, err := s.myTenant(ctx, id)
	if err != nil {
		return "Tansu"
	}
	return t.Name
}

// nameOf is what a caller is called in messages; empty if that is not known.
func (s *server) nameOf(ctx context.Context, c *call) string {
	if c.principal.Kind != access.User {
		return ""
	}
	u, err := s.Users.Get(ctx, c.principal.UserID)
	if err != nil && !errors.Is(err, users.ErrNotFound) {
		s.Logger.WarnContext(ctx, "a message does without the name of its author", "error", err)
	}
	return u.Name
}
