package tenant_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/tenant"
)

var (
	steps    = []string{tenant.StepSpace, tenant.StepQuotas, tenant.StepAdminInvite}
	began    = tenant.ProvisioningStarted{TenantID: "id-1", Steps: steps[:2], At: t0}
	inviting = tenant.ProvisioningStarted{TenantID: "id-1", Steps: steps, InviteID: "i", AdminEmail: "ada@example.com", At: t0}
	spaced   = tenant.ProvisioningStepDone{Step: tenant.StepSpace, At: t1}
	failed   = tenant.ProvisioningFailed{Step: tenant.StepAdminInvite, Error: "no mail", At: t1}
)

func defaults(changed tenant.Quotas) tenant.Quotas {
	all := tenant.Quotas{}
	for _, q := range tenant.AllQuotas() {
		all[q.Name] = q.Default
	}
	for name, limit := range changed {
		all[name] = limit
	}
	return all
}

func TestDecideProvisioning(t *testing.T) {
	t.Parallel()
	set := tenant.QuotasChanged{Quotas: defaults(nil), At: t1}
	few := tenant.Quotas{tenant.QuotaMembers: 3}
	for _, tc := range []struct {
		name  string
		given []tenant.Event
		when  tenant.Command
		then  []tenant.Event
		code  string
	}{
		{"create", nil, tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme", Provision: &tenant.Provision{}, At: t0}, []tenant.Event{created, began}, ""},
		{"create with an admin", nil,
			tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme", Provision: &tenant.Provision{AdminEmail: "ada@example.com", InviteID: "i"}, At: t0},
			[]tenant.Event{created, inviting}, ""},
		{"create with a quota that does not exist", nil,
			tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme", Provision: &tenant.Provision{Quotas: tenant.Quotas{"x": 1}}, At: t0}, nil, "tenant.quotas_invalid"},
		{"create with too high a quota", nil,
			tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme", Provision: &tenant.Provision{Quotas: tenant.Quotas{tenant.QuotaWebhooks: 51}}, At: t0}, nil, "tenant.quotas_invalid"},
		{"first step", []tenant.Event{created, inviting}, tenant.CompleteStep{Step: tenant.StepSpace, At: t1}, []tenant.Event{spaced, set}, ""},
		{"all steps", []tenant.Event{created, began}, tenant.CompleteStep{Step: tenant.StepSpace, At: t1}, []tenant.Event{spaced, set, tenant.Provisioned{At: t1}}, ""},
		{"quotas as asked for", []tenant.Event{created, tenant.ProvisioningStarted{TenantID: "id-1", Steps: steps[:2], Quotas: few, At: t0}},
			tenant.CompleteStep{Step: tenant.StepSpace, At: t1},
			[]tenant.Event{spaced, tenant.QuotasChanged{Quotas: defaults(few), At: t1}, tenant.Provisioned{At: t1}}, ""},
		{"quotas that somebody has set meanwhile", []tenant.Event{created, began, tenant.QuotasChanged{Quotas: defaults(few), At: t0}},
			tenant.CompleteStep{Step: tenant.StepSpace, At: t1}, []tenant.Event{spaced, tenant.Provisioned{At: t1}}, ""},
		{"last step", []tenant.Event{created, inviting, spaced, set}, tenant.CompleteStep{Step: tenant.StepAdminInvite, At: t2},
			[]tenant.Event{tenant.ProvisioningStepDone{Step: tenant.StepAdminInvite, At: t2}, tenant.Provisioned{At: t2}}, ""},
		{"a step again", []tenant.Event{created, inviting, spaced}, tenant.CompleteStep{Step: tenant.StepSpace, At: t2}, nil, ""},
		{"a step too early", []tenant.Event{created, inviting}, tenant.CompleteStep{Step: tenant.StepAdminInvite, At: t1}, nil, "tenant.step_too_early"},
		{"a step that there is not", []tenant.Event{created, began}, tenant.CompleteStep{Step: tenant.StepAdminInvite, At: t1}, nil, "tenant.step_unknown"},
		{"a step of a tenant that needs none", []tenant.Event{created}, tenant.CompleteStep{Step: tenant.StepSpace, At: t1}, nil, "tenant.step_unknown"},
		{"a step of an archived one", []tenant.Event{created, began, archived}, tenant.CompleteStep{Step: tenant.StepSpace, At: t2}, nil, "tenant.archived"},
		{"a step of a suspended one", []tenant.Event{created, inviting, suspended}, tenant.CompleteStep{Step: tenant.StepSpace, At: t1}, []tenant.Event{spaced, set}, ""},
		{"fail", []tenant.Event{created, inviting, spaced, set}, tenant.FailProvisioning{Step: tenant.StepAdminInvite, Error: "no mail", At: t1}, []tenant.Event{failed}, ""},
		{"fail with a long cause", []tenant.Event{created, began}, tenant.FailProvisioning{Step: tenant.StepSpace, Error: strings.Repeat("é", 251), At: t1},
			[]tenant.Event{tenant.ProvisioningFailed{Step: tenant.StepSpace, Error: strings.Repeat("é", 250), At: t1}}, ""},
		{"fail twice", []tenant.Event{created, inviting, spaced, set, failed}, tenant.FailProvisioning{Step: tenant.StepAdminInvite, Error: "x", At: t2}, nil, ""},
		{"fail what is done", []tenant.Event{created, inviting, spaced}, tenant.FailProvisioning{Step: tenant.StepSpace, Error: "x", At: t2}, nil, ""},
		{"resume", []tenant.Event{created, inviting, spaced, set, failed}, tenant.ResumeProvisioning{At: t2},
			[]tenant.Event{tenant.ProvisioningResumed{Step: tenant.StepAdminInvite, At: t2}}, ""},
		{"resume what nobody works on", []tenant.Event{created, began}, tenant.ResumeProvisioning{At: t2},
			[]tenant.Event{tenant.ProvisioningResumed{Step: tenant.StepSpace, At: t2}}, ""},
		{"resume what is done", []tenant.Event{created, began, spaced, set, tenant.Provisioned{At: t1}}, tenant.ResumeProvisioning{At: t2}, nil, "tenant.provisioned"},
		{"suspend while it is provisioned", []tenant.Event{created, began}, tenant.Suspend{Reason: "unpaid", At: t1}, []tenant.Event{suspended}, ""},
		{"rename while it is provisioned", []tenant.Event{created, began}, tenant.Rename{Name: "B", At: t1}, []tenant.Event{tenant.Renamed{Name: "B", At: t1}}, ""},
		{"change quotas", []tenant.Event{created}, tenant.ChangeQuotas{Quotas: few, At: t1}, []tenant.Event{tenant.QuotasChanged{Quotas: defaults(few), At: t1}}, ""},
		{"change quotas to the same", []tenant.Event{created, tenant.QuotasChanged{Quotas: defaults(few), At: t1}}, tenant.ChangeQuotas{Quotas: few, At: t2}, nil, ""},
		{"change quotas below nothing", []tenant.Event{created}, tenant.ChangeQuotas{Quotas: tenant.Quotas{tenant.QuotaMembers: -1}, At: t1}, nil, "tenant.quotas_invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			events, err := tenant.Decide(given(tc.given...), tc.when)
			if tc.code != "" {
				domaintest.RequireRefused(t, err, tc.code)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.then, events)
		})
	}
}

func TestStatusFollowsProvisioning(t *testing.T) {
	t.Parallel()
	set := tenant.QuotasChanged{Quotas: defaults(nil), At: t1}
	happened := []tenant.Event{created, inviting, spaced, set, failed}
	require.Equal(t, tenant.StatusActive, given(happened[:1]...).Status)
	require.Equal(t, tenant.StatusProvisioning, given(happened[:4]...).Status)
	require.Equal(t, tenant.StatusFailed, given(happened...).Status)
	locked := append(happened, suspended)
	require.Equal(t, tenant.StatusSuspended, given(locked...).Status)
	require.Equal(t, tenant.StatusFailed, given(append(locked, tenant.Reactivated{At: t2})...).Status)
	require.Equal(t, tenant.StatusProvisioning, given(append(locked, tenant.ProvisioningResumed{Step: tenant.StepAdminInvite, At: t2}, tenant.Reactivated{At: t2})...).Status)
	over := append(locked, tenant.ProvisioningStepDone{Step: tenant.StepAdminInvite, At: t2}, tenant.Provisioned{At: t2})
	require.Equal(t, tenant.StatusSuspended, given(over...).Status)
	require.Equal(t, tenant.StatusActive, given(append(over, tenant.Reactivated{At: t2})...).Status)
}
