package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// Tenant is a tenant as clients see it.
type Tenant struct {
	ID        string         `json:"id" doc:"UUID, given at creation." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Slug      string         `json:"slug" doc:"Unique name in addresses; never given to another tenant." example:"acme"`
	Name      string         `json:"name" doc:"Name for people." example:"Acme Ltd"`
	Status    string         `json:"status" enum:"provisioning,provisioning_failed,active,suspended,archived" doc:"Where it stands in its life; archived is final. It can be used while it is provisioned." example:"active"`
	Settings  map[string]any `json:"settings" doc:"Free settings, a JSON object of up to 16 KiB and 8 levels." example:"{\"plan\":\"team\"}"`
	Version   int64          `json:"version" doc:"Of its stream; the ETag." example:"3"`
	CreatedAt time.Time      `json:"created_at" example:"2026-01-31T12:00:00Z" doc:"When it was created."`
	UpdatedAt time.Time      `json:"updated_at" example:"2026-01-31T12:00:00Z" doc:"When it last changed."`

	Quotas       map[string]int64    `json:"quotas,omitempty" doc:"Of what it may have how much; not in lists." example:"{\"members\":25}"`
	Provisioning *TenantProvisioning `json:"provisioning,omitempty" doc:"How far it is prepared; not in lists, and not of tenants that needed none."`
}

// CreateTenantBody describes a new tenant.
type CreateTenantBody struct {
	Slug     string         `json:"slug" doc:"1 to 63 lower-case letters, digits and hyphens, not reserved." example:"acme"`
	Name     string         `json:"name" doc:"1 to 200 characters." example:"Acme Ltd"`
	Settings map[string]any `json:"settings,omitempty" doc:"A JSON object of up to 16 KiB and 8 levels." example:"{\"plan\":\"team\"}"`

	AdminEmail string           `json:"admin_email,omitempty" maxLength:"254" doc:"Who is invited as its first owner." example:"ada@example.com"`
	Quotas     map[string]int64 `json:"quotas,omitempty" doc:"Quotas that differ from the defaults." example:"{\"members\":25}"`
}

// RenameTenantBody holds the new name.
type RenameTenantBody struct {
	Name string `json:"name" doc:"1 to 200 characters." example:"Acme Limited"`
}

// TenantSettingsBody holds the new settings.
type TenantSettingsBody struct {
	Settings map[string]any `json:"settings" doc:"Replaces all settings: a JSON object of up to 16 KiB and 8 levels." example:"{\"plan\":\"team\"}"`
}

// ReasonBody says why.
type ReasonBody struct {
	Reason string `json:"reason" doc:"1 to 500 characters; kept with the event." example:"Invoice overdue"`
}

// OptionalReasonBody may say why.
type OptionalReasonBody struct {
	Reason string `json:"reason,omitempty" doc:"Up to 500 characters; kept with the event." example:"Invoice paid"`
}

// TenantPath names the tenant that a command is about.
type TenantPath struct {
	ID string `path:"id" maxLength:"63" doc:"Id or slug of the tenant." example:"acme"`
}

type tenantOutput struct {
	Status int
	Written
	Location string `header:"Location" doc:"Where the tenant can be read." example:"/v1/tenants/01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Body     Tenant
}

func (s *server) tenantRoutes() {
	register(s, endpoint{
		route: route{permission: commands.PermissionCreateTenants},
		id:    "create-tenant", method: http.MethodPost, path: "/v1/tenants", tag: "Tenants", status: http.StatusCreated,
		summary: "Create a tenant",
		description: "Creates a tenant with a slug of its own and prepares it: its log begins, its quotas are set, its first owner gets an invite if " +
			"admin_email names one. It can be used at once. The answer waits for all that if there is an admin_email, or with Prefer: wait=N; " +
			"otherwise its status is provisioning for a moment, and GET tells how far it is.",
	}, func(ctx context.Context, in *struct {
		CommandHeaders
		Body CreateTenantBody
	}) (*tenantOutput, error) {
		body := in.Body
		sent, err := send(ctx, s, s.Commands.CreateTenant, ChangeHeaders{CommandHeaders: in.CommandHeaders}, http.StatusCreated,
			order[commands.CreateTenant]{
				stream:     eventstore.Stream{Type: tenant.StreamType},
				command:    commands.CreateTenant{Slug: body.Slug, Name: body.Name, Settings: body.Settings, Provision: s.preparation(body)},
				readModels: []string{tenantdirectory.Name},
			})
		if err != nil {
			return nil, err
		}
		if err := s.awaitProvisioned(ctx, in.Prefer, &sent); err != nil {
			return nil, err
		}
		out := tenantAnswer(sent)
		out.Location = "/v1/tenants/" + out.Body.ID
		return out, nil
	})
	s.tenantReads()
	s.provisioningRoutes()

	register(s, changeTenant("rename-tenant", http.MethodPut, "name", "Rename a tenant", "Gives the tenant another display name."),
		func(ctx context.Context, in *struct {
			TenantPath
			ChangeHeaders
			Body RenameTenantBody
		}) (*tenantOutput, error) {
			return sendToTenant(ctx, s, s.Commands.RenameTenant, in.TenantPath, in.ChangeHeaders, commands.RenameTenant{Name: in.Body.Name})
		})
	register(s, changeTenant("change-tenant-settings", http.MethodPut, "settings", "Change the settings of a tenant", "Replaces all settings of the tenant."),
		func(ctx context.Context, in *struct {
			TenantPath
			ChangeHeaders
			Body TenantSettingsBody
		}) (*tenantOutput, error) {
			return sendToTenant(ctx, s, s.Commands.ChangeTenantSettings, in.TenantPath, in.ChangeHeaders, commands.ChangeTenantSettings{Settings: in.Body.Settings})
		})
	register(s, changeTenant("suspend-tenant", http.MethodPost, "suspend", "Suspend a tenant", "Closes the tenant's log to clients until it is reactivated."),
		func(ctx context.Context, in *struct {
			TenantPath
			ChangeHeaders
			Body ReasonBody
		}) (*tenantOutput, error) {
			return sendToTenant(ctx, s, s.Commands.SuspendTenant, in.TenantPath, in.ChangeHeaders, commands.SuspendTenant{Reason: in.Body.Reason})
		})
	register(s, changeTenant("reactivate-tenant", http.MethodPost, "reactivate", "Reactivate a tenant", "Opens a suspended tenant again."),
		func(ctx context.Context, in *struct {
			TenantPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*tenantOutput, error) {
			return sendToTenant(ctx, s, s.Commands.ReactivateTenant, in.TenantPath, in.ChangeHeaders, commands.ReactivateTenant{Reason: in.Body.text()})
		})
	register(s, changeTenant("archive-tenant", http.MethodPost, "archive", "Archive a tenant", "Closes the tenant for ever. Its log and its slug are kept."),
		func(ctx context.Context, in *struct {
			TenantPath
			ChangeHeaders
			Body ReasonBody
		}) (*tenantOutput, error) {
			return sendToTenant(ctx, s, s.Commands.ArchiveTenant, in.TenantPath, in.ChangeHeaders, commands.ArchiveTenant{Reason: in.Body.Reason})
		})
}

func (b *OptionalReasonBody) text() string {
	if b == nil {
		return ""
	}
	return b.Reason
}

func changeTenant(id, method, action, summary, description string) endpoint {
	return endpoint{
		route: route{permission: commands.PermissionWriteTenants},
		id:    id, method: method, path: "/v1/tenants/{id}/" + action, tag: "Tenants", summary: summary, description: description,
	}
}

func sendToTenant[C any](ctx context.Context, s *server, handler commands.Handler[C, tenant.State], path TenantPath, h ChangeHeaders, command C) (*tenantOutput, error) {
	id, err := s.tenantID(ctx, path.ID)
	if err != nil {
		return nil, err
	}
	sent, err := send(ctx, s, handler, h, http.StatusOK, order[C]{
		stream:     eventstore.Stream{Type: tenant.StreamType, ID: id},
		command:    command,
		readModels: []string{tenantdirectory.Name},
	})
	if err != nil {
		return nil, err
	}
	return tenantAnswer(sent), nil
}

// tenantID turns an id or slug into the id, from the log rather than from the
// read model: commands must not act on something older.
func (s *server) tenantID(ctx context.Context, idOrSlug string) (string, error) {
	if id, err := uuid.Parse(idOrSlug); err == nil {
		return id.String(), nil
	}
	if len(tenant.CheckSlug(idOrSlug)) > 0 {
		return "", tenant.ErrNotFound
	}
	holder, held, err := s.Log.ClaimHolder(ctx, eventstore.SystemTenant, tenant.SlugScope, idOrSlug)
	if err == nil && !held {
		err = tenant.ErrNotFound
	}
	return holder.ID, err
}

func tenantAnswer(sent outcome[tenant.State]) *tenantOutput {
	t := sent.state
	return &tenantOutput{Status: sent.status, Written: sent.Written, Body: Tenant{
		ID: t.ID, Slug: t.Slug, Name: t.Name, Status: string(t.Status), Settings: settings(t.Settings), Version: sent.version,
		CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(), Quotas: t.Quotas, Provisioning: provisioningJSON(t.Provisioning),
	}}
}

// settings are an object even when there are none.
func settings(s map[string]any) map[string]any {
	if s == nil {
		return map[string]any{}
	}
	return s
}
