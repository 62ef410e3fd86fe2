package rest

import (
	"context"
	"net/http"
	"time"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
)

// Role is a set of permissions under a name.
type Role struct {
	Name        string     `json:"name" doc:"What members and service accounts hold." example:"support"`
	Title       string     `json:"title" doc:"Name for people." example:"Support"`
	Permissions []string   `json:"permissions" doc:"What it permits." example:"[\"events.read\"]"`
	BuiltIn     bool       `json:"built_in" doc:"Whether every tenant has it, and nobody can change it." example:"false"`
	Version     int64      `json:"version,omitempty" doc:"Of its stream; the ETag. Built-in roles have none." example:"3"`
	CreatedAt   *time.Time `json:"created_at,omitempty" doc:"When it was created." example:"2026-01-31T12:00:00Z"`
	UpdatedAt   *time.Time `json:"updated_at,omitempty" doc:"When it last changed." example:"2026-01-31T12:00:00Z"`
}

// RoleList holds all roles of a tenant.
type RoleList struct {
	Items []Role `json:"items" doc:"The built-in roles, then the tenant's own by name."`
}

// CreateRoleBody describes a new role.
type CreateRoleBody struct {
	Name string `json:"name" doc:"2 to 40 lower-case letters, digits and hyphens, a letter first; for life." example:"support"`
	RoleBody
}

// RoleBody says what a role permits.
type RoleBody struct {
	Title       string   `json:"title" doc:"1 to 100 characters." example:"Support"`
	Permissions []string `json:"permissions" doc:"What it permits; GET /v1/permissions lists all there are." example:"[\"events.read\"]"`
}

// RolePath names a role.
type RolePath struct {
	Name string `path:"name" maxLength:"40" doc:"Name of the role." example:"support"`
}

var roleTarget = target{role.StreamType, access.Name, role.ErrNotFound}

func (s *server) roleRoutes() {
	s.roleReads()
	manage := route{permission: "roles.manage", tenant: true}
	register(s, endpoint{
		route: manage, id: "create-role", method: http.MethodPost, path: "/v1/roles", tag: "Roles", status: http.StatusCreated,
		summary:     "Create a role",
		description: "Makes a role of the tenant's own. It can permit what the caller may do, and nothing else. A tenant has at most 100.",
	}, func(ctx context.Context, in *struct {
		CommandHeaders
		Body CreateRoleBody
	}) (*created[Role], error) {
		sent, err := sendNew(ctx, s, roleTarget, in.Body.Name, s.Commands.CreateRole, in.CommandHeaders,
			commands.CreateRole{Title: in.Body.Title, Permissions: in.Body.Permissions})
		if err != nil {
			return nil, err
		}
		return &created[Role]{sent.status, sent.Written, "/v1/roles/" + sent.state.Name, roleOfState(sent)}, nil
	})
	register(s, endpoint{
		route: manage, id: "change-role", method: http.MethodPut, path: "/v1/roles/{name}", tag: "Roles",
		summary: "Change a role", description: "Replaces title and permissions of a role; it takes effect for all who hold it within a second.",
	}, func(ctx context.Context, in *struct {
		RolePath
		ChangeHeaders
		Body RoleBody
	}) (*changed[Role], error) {
		sent, err := sendToName(ctx, s, roleTarget, in.Name, s.Commands.ChangeRole, in.ChangeHeaders,
			commands.ChangeRole{Title: in.Body.Title, Permissions: in.Body.Permissions})
		if err != nil {
			return nil, err
		}
		return &changed[Role]{sent.status, sent.Written, roleOfState(sent)}, nil
	})
	register(s, endpoint{
		route: manage, id: "delete-role", method: http.MethodDelete, path: "/v1/roles/{name}", tag: "Roles", status: http.StatusNoContent,
		summary: "Delete a role", description: "Those who hold it keep its name and what it permitted is gone within a second. The name is not given again.",
	}, func(ctx context.Context, in *struct {
		RolePath
		ChangeHeaders
	}) (*deletedOutput, error) {
		return deleted(sendToName(ctx, s, roleTarget, in.Name, s.Commands.DeleteRole, in.ChangeHeaders, commands.DeleteRole{}))
	})
}

// ofAccess is for what a tenant's own log tells about rights.
var ofAccess = []source{{readModel: access.Name}}

func (s *server) roleReads() {
	read := route{permission: "roles.read", tenant: true}
	register(s, endpoint{
		route: read, id: "list-roles", method: http.MethodGet, path: "/v1/roles", tag: "Roles",
		summary: "List roles", description: "All roles: the built-in ones, and those of the tenant's own.",
		cached: ofAccess,
	}, func(ctx context.Context, in *struct{ ReadHeaders }) (*listed[RoleList], error) {
		tenant := callOf(ctx).tenant
		if err := s.awaitReadModel(ctx, in.ReadHeaders, access.Name, tenant); err != nil {
			return nil, err
		}
		own, err := s.Directory.Roles(ctx, tenant)
		if err != nil {
			return nil, err
		}
		out := &listed[RoleList]{PageHeaders: PageHeaders{Position: in.MinPosition}}
		for _, r := range permission.BuiltInIn(tenant == eventstore.SystemTenant) {
			out.Body.Items = append(out.Body.Items, builtInRole(r))
		}
		for _, r := range own {
			out.Body.Items = append(out.Body.Items, roleJSON(r))
		}
		return out, nil
	})
	register(s, endpoint{
		route: read, also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
		id: "get-role", method: http.MethodGet, path: "/v1/roles/{name}", tag: "Roles",
		summary: "Read a role", description: "One role, built in or of the tenant's own.",
		cached: ofAccess,
	}, func(ctx context.Context, in *struct {
		RolePath
		ReadHeaders
		ConditionalHeaders
	}) (*found[Role], error) {
		tenant := callOf(ctx).tenant
		for _, r := range permission.BuiltInIn(tenant == eventstore.SystemTenant) {
			if r.Name == in.Name {
				return oneOf(in.ConditionalHeaders, 0, builtInRole(r))
			}
		}
		if err := s.awaitReadModel(ctx, in.ReadHeaders, access.Name, tenant); err != nil {
			return nil, err
		}
		r, err := s.Directory.Role(ctx, tenant, in.Name)
		if err != nil {
			return nil, missingAs(err, role.ErrNotFound)
		}
		return oneOf(in.ConditionalHeaders, r.Version, roleJSON(r))
	})
}

func builtInRole(r permission.Role) Role {
	return Role{Name: r.Name, Title: r.Title, Permissions: r.Permissions.Names(), BuiltIn: true}
}

func roleOfState(sent outcome[role.State]) Role {
	r := sent.state
	return roleJSON(access.Role{
		Name: r.Name, Title: r.Title, Permissions: r.Permissions, Version: sent.version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	})
}

func roleJSON(r access.Role) Role {
	return Role{
		Name: r.Name, Title: r.Title, Permissions: listOf(r.Permissions), Version: r.Version,
		CreatedAt: never(r.CreatedAt), UpdatedAt: never(r.UpdatedAt),
	}
}
