package rest

import (
	"context"
	"net/http"
	"time"

	"tansu.cloud/commands"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// TenantProvisioning is how far a tenant is prepared.
type TenantProvisioning struct {
	Steps []ProvisioningStep `json:"steps" doc:"What is to be done, in this order."`
}

// ProvisioningStep is one step of it.
type ProvisioningStep struct {
	Name   string     `json:"name" enum:"space,quotas,admin_invite" doc:"space: its log begins. quotas: they are set. admin_invite: its first owner is invited." example:"space"`
	Status string     `json:"status" enum:"pending,done,failed" doc:"A failed step waits for resume-provisioning." example:"done"`
	At     *time.Time `json:"at,omitempty" doc:"When it was done or failed." example:"2026-01-31T12:00:00Z"`
	Error  string     `json:"error,omitempty" doc:"Why it failed." example:"no mail server is named, so nobody can be invited"`
}

// TenantQuotasBody holds the new quotas.
type TenantQuotasBody struct {
	Quotas map[string]int64 `json:"quotas" doc:"Replaces all quotas; those left out go back to their defaults. Below what is used, nothing is removed and nothing added. What they bound, and which are enforced yet, is in GET /v1/tenants/current. storage_bytes, documents and runs count once tenants can have these." example:"{\"members\":25,\"webhooks\":10}"`
}

func (s *server) provisioningRoutes() {
	register(s, changeTenant("change-tenant-quotas", http.MethodPut, "quotas", "Change the quotas of a tenant", "Replaces all quotas of the tenant."),
		func(ctx context.Context, in *struct {
			TenantPath
			ChangeHeaders
			Body TenantQuotasBody
		}) (*tenantOutput, error) {
			return sendToTenant(ctx, s, s.Commands.ChangeTenantQuotas, in.TenantPath, in.ChangeHeaders, commands.ChangeTenantQuotas{Quotas: in.Body.Quotas})
		})
	register(s, changeTenant("resume-provisioning", http.MethodPost, "resume-provisioning", "Resume the provisioning of a tenant",
		"Tries the step that failed again, and then those after it."),
		func(ctx context.Context, in *struct {
			TenantPath
			ChangeHeaders
		}) (*tenantOutput, error) {
			id, err := s.tenantID(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			sent, err := send(ctx, s, s.Commands.ResumeProvisioning, in.ChangeHeaders, http.StatusOK, order[commands.ResumeProvisioning]{
				stream:     eventstore.Stream{Type: tenant.StreamType, ID: id},
				readModels: []string{tenantdirectory.Name},
			})
			if err != nil {
				return nil, err
			}
			err = s.awaitProvisioned(ctx, in.Prefer, &sent)
			return tenantAnswer(sent), err
		})
}

// preparation says what a new tenant is prepared with; nil if nobody would do it.
func (s *server) preparation(b CreateTenantBody) *tenant.Provision {
	if !s.Config.Provision && b.AdminEmail == "" && len(b.Quotas) == 0 {
		return nil
	}
	return &tenant.Provision{Quotas: b.Quotas, AdminEmail: b.AdminEmail}
}

// watchEvery is the time between looks at a tenant that workers provision.
const watchEvery = 10 * time.Millisecond

// awaitProvisioned waits until the workers have prepared a tenant, if the client
// asks for time with Prefer or somebody is invited: who creates a tenant for a
// person wants to know whether they got mail, all others need not wait for what
// they do not see. What does not come in time is shown as it is.
func (s *server) awaitProvisioned(ctx context.Context, prefer string, sent *outcome[tenant.State]) error {
	p, err := s.parsePrefer(prefer)
	mailed := sent.state.Provisioning.InviteID != ""
	if err != nil || p.async || !mailed && !p.waitSet || sent.state.Status != tenant.StatusProvisioning {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		t, err := s.Tenants.Get(ctx, sent.state.ID)
		if err == nil && t.Version > sent.version && t.Status != string(tenant.StatusProvisioning) {
			details, err := s.Tenants.Details(ctx, t.ID)
			if err != nil {
				return nil
			}
			sent.state.Status, sent.state.UpdatedAt, sent.version, sent.ETag = tenant.Status(t.Status), t.UpdatedAt, t.Version, etag(t.Version)
			sent.state.Quotas, sent.state.Provisioning = details.Quotas, details.Provisioning
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func provisioningJSON(p tenant.Provisioning) *TenantProvisioning {
	if len(p.Steps) == 0 {
		return nil
	}
	shown := &TenantProvisioning{Steps: make([]ProvisioningStep, len(p.Steps))}
	for i, step := range p.Steps {
		shown.Steps[i] = ProvisioningStep{Name: step.Name, Status: step.Status, At: never(step.At), Error: step.Error}
	}
	return shown
}
