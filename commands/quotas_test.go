package commands_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
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

// Expired API keys make room, at the moment at which they expire and not before.
func TestExpiredKeysMakeRoom(t *testing.T) {
	t.Parallel()
	for code, limit := range map[string]int64{"quota_exceeded": 3, "api_key.too_many": apikey.MaxPerTenant} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			f, ctx := newFixture(t), t.Context()
			owner := uuid.MustParse(f.newTenant(t, "acme"))
			_, err := f.ChangeTenantQuotas(ctx, request(owner.String(), commands.ChangeTenantQuotas{Quotas: tenant.Quotas{tenant.QuotaAPIKeys: limit}}))
			require.NoError(t, err)
			create := func(expires time.Time) (string, error) {
				r := request(uuid.NewString(), commands.CreateAPIKey{Name: "k", Permissions: []string{"events.read"}, Hint: "abcd", ExpiresAt: expires})
				r.Tenant = owner
				made, err := f.CreateAPIKey(ctx, r)
				return made.State.ID, err
			}
			short := ""
			for i := range limit {
				expires := []time.Time{{}, f.clock.Now().Add(time.Hour), f.clock.Now().Add(2 * time.Hour)}[min(i, 2)]
				id, err := create(expires)
				require.NoError(t, err)
				if i == 1 {
					short = id
				}
			}
			f.clock.advance(time.Hour - time.Microsecond)
			_, err = create(time.Time{})
			require.Equal(t, code, codeOf(err))
			f.clock.advance(time.Microsecond)
			_, err = create(time.Time{})
			require.NoError(t, err)
			past, err := f.memory.ReadStream(ctx, owner, eventstore.Stream{Type: apikey.StreamType, ID: short}, eventstore.StreamQuery{})
			require.NoError(t, err)
			require.Equal(t, "api_key.revoked", past[len(past)-1].Type)
			require.Contains(t, string(past[len(past)-1].Metadata), "system:expiry")
			_, err = create(time.Time{})
			require.Equal(t, code, codeOf(err), "one key, one place")
		})
	}
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
