package tenant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
	"tansu.cloud/domain"
	"tansu.cloud/domain/tenant"
)

// TestAnyCommands sends arbitrary commands and checks after each what must hold
// for every tenant.
func TestAnyCommands(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s tenant.State
		for i, c := range rapid.SliceOfN(commands(), 1, 40).Draw(t, "commands") {
			before := s
			events, err := tenant.Decide(s, at(c, t0.Add(time.Duration(i)*time.Second)))
			if err != nil {
				var refusal *domain.Error
				require.True(t, errors.As(err, &refusal))
				require.Empty(t, events, "refused, yet decided")
				require.NotEmpty(t, refusal.Code)
			}
			for _, e := range events {
				next := tenant.Apply(s, e)
				unchanged := next
				unchanged.UpdatedAt = s.UpdatedAt
				require.NotEqual(t, s, unchanged, "%s changed nothing", e.EventType())
				s = next
			}
			requireSound(t, before, s)
		}
	})
}

func requireSound(t *rapid.T, before, after tenant.State) {
	if before.Status == tenant.StatusArchived {
		require.Equal(t, before, after, "archived is final")
	}
	if after.Status == "" {
		require.Zero(t, after)
		return
	}
	require.Equal(t, after.Status.Open(), after.Status != tenant.StatusSuspended && after.Status != tenant.StatusArchived)
	require.Contains(t, []tenant.Status{tenant.StatusProvisioning, tenant.StatusFailed, tenant.StatusActive, tenant.StatusSuspended, tenant.StatusArchived}, after.Status)
	require.Empty(t, tenant.CheckSlug(after.Slug))
	require.Empty(t, domain.CheckLine("/name", after.Name, tenant.MaxName))
	require.NotNil(t, after.Settings)
	require.False(t, after.UpdatedAt.Before(after.CreatedAt))
	if before.Status != "" {
		require.Equal(t, before.ID, after.ID)
		require.Equal(t, before.Slug, after.Slug, "a slug is for life")
		require.Equal(t, before.CreatedAt, after.CreatedAt)
	}
}

func commands() *rapid.Generator[tenant.Command] {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", " ", "Acme", "Beta", "a\x00"}), rapid.String())
	step := rapid.SampledFrom([]string{tenant.StepSpace, tenant.StepQuotas, tenant.StepAdminInvite, "x"})
	slug := rapid.OneOf(rapid.SampledFrom([]string{"acme", "beta", "www"}), rapid.String())
	value := rapid.OneOf(rapid.Just[any](1), rapid.Just[any]("x"), rapid.Just[any](nil), rapid.Map(rapid.String(), func(s string) any { return []string{s} }))
	settings := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "\x00"}), value, 0, 2)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) tenant.Command {
			return tenant.Create{ID: text.Draw(t, "id"), Slug: slug.Draw(t, "slug"), Name: text.Draw(t, "name"), Settings: settings.Draw(t, "settings")}
		}),
		rapid.Just[tenant.Command](tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme"}),
		rapid.Just[tenant.Command](tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme", Provision: &tenant.Provision{AdminEmail: "a@b.c", InviteID: "i"}}),
		rapid.Map(step, func(s string) tenant.Command { return tenant.CompleteStep{Step: s} }),
		rapid.Map(step, func(s string) tenant.Command { return tenant.FailProvisioning{Step: s, Error: "boom"} }),
		rapid.Just[tenant.Command](tenant.ResumeProvisioning{}),
		rapid.Map(rapid.Int64Range(-1, 5), func(n int64) tenant.Command {
			return tenant.ChangeQuotas{Quotas: tenant.Quotas{tenant.QuotaMembers: n}}
		}),
		rapid.Map(text, func(s string) tenant.Command { return tenant.Rename{Name: s} }),
		rapid.Map(settings, func(m map[string]any) tenant.Command { return tenant.ChangeSettings{Settings: m} }),
		rapid.Map(text, func(s string) tenant.Command { return tenant.Suspend{Reason: s} }),
		rapid.Map(text, func(s string) tenant.Command { return tenant.Reactivate{Reason: s} }),
		rapid.Map(text, func(s string) tenant.Command { return tenant.Archive{Reason: s} }),
	)
}

func at(c tenant.Command, now time.Time) tenant.Command {
	switch c := c.(type) {
	case tenant.Create:
		c.At = now
		return c
	case tenant.Rename:
		c.At = now
		return c
	case tenant.ChangeSettings:
		c.At = now
		return c
	case tenant.Suspend:
		c.At = now
		return c
	case tenant.Reactivate:
		c.At = now
		return c
	case tenant.Archive:
		c.At = now
		return c
	case tenant.CompleteStep:
		c.At = now
		return c
	case tenant.FailProvisioning:
		c.At = now
		return c
	case tenant.ResumeProvisioning:
		c.At = now
		return c
	case tenant.ChangeQuotas:
		c.At = now
		return c
	}
	return c
}
