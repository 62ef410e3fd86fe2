package commands_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/tenant"
)

// Webhooks stand for all that takes slots.
func TestAQuotaBoundsSlotsExactly(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	owner := uuid.MustParse(f.newTenant(t, "acme"))
	limit := func(n int64) {
		_, err := f.ChangeTenantQuotas(ctx, request(owner.String(), commands.ChangeTenantQuotas{Quotas: tenant.Quotas{tenant.QuotaWebhooks: n}}))
		require.NoError(t, err)
	}
	limit(8)
	refusals := make(chan error, 20)
	for i := range cap(refusals) {
		go func() {
			_, err := f.RegisterWebhook(ctx, registerWebhook(owner, fmt.Sprint("s", i)))
			refusals <- err
		}()
	}
	refused := 0
	for range cap(refusals) {
		if err := <-refusals; err != nil {
			require.Contains(t, []string{"quota_exceeded", "webhook.slot_taken"}, codeOf(err), err)
			refused++
		}
	}
	require.GreaterOrEqual(t, refused, 12, "never more than the quota")
	for {
		if _, err := f.RegisterWebhook(ctx, registerWebhook(owner, "s")); err != nil {
			refusal := requireRefused(t, err, domain.KindForbidden, "quota_exceeded")
			require.Contains(t, refusal.Message, "webhooks is 8, of which 8 are used")
			break
		}
	}
	limit(0)
	_, err := f.RegisterWebhook(ctx, registerWebhook(owner, "s"))
	requireRefused(t, err, domain.KindForbidden, "quota_exceeded")
	limit(9)
	_, err = f.RegisterWebhook(ctx, registerWebhook(owner, "s"))
	require.NoError(t, err)
}

func codeOf(err error) string {
	code, _, _ := strings.Cut(err.Error(), ": ")
	return code
}

// What is counted in a read model is bounded by what that says.
func TestAQuotaBoundsInvites(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	deps, used := f.deps(), int64(0)
	deps.Usage = func(_ context.Context, _ uuid.UUID, quota string) (int64, error) {
		require.Equal(t, tenant.QuotaInvites, quota)
		return used, nil
	}
	f.Commands = commands.New(deps)
	owner := uuid.MustParse(f.newTenant(t, "acme"))
	_, err := f.ChangeTenantQuotas(ctx, request(owner.String(), commands.ChangeTenantQuotas{Quotas: tenant.Quotas{tenant.QuotaInvites: 2}}))
	require.NoError(t, err)
	invite := func() error {
		r := request("", commands.CreateInvite{Email: "ada@example.com", Roles: []string{"viewer"}, TokenID: uuid.NewString()})
		r.Tenant = owner
		_, err := f.CreateInvite(ctx, r)
		return err
	}
	used = 1
	require.NoError(t, invite())
	used = 2
	refusal := requireRefused(t, invite(), domain.KindForbidden, "quota_exceeded")
	require.Contains(t, refusal.Message, "invites is 2, of which 2 are used")
}

func TestTheAdminsAddressIsChecked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.CreateTenant(t.Context(), request("", commands.CreateTenant{
		Slug: "acme", Name: "Acme", Provision: &tenant.Provision{AdminEmail: "nobody"},
	}))
	refusal := requireRefused(t, err, domain.KindInvalid, "tenant.admin_email_invalid")
	require.Equal(t, "/admin_email", refusal.Fields[0].Field)
	require.Empty(t, f.events(t))
}
