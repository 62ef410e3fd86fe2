package access_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
)

func TestIdentityProvidersAreTheStatesOfTheirStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	b, all := newBatches(t, pool), newStates(provider.Apply)
	happen := func(id string, e provider.Event) {
		all.apply(id, e)
		b.happen(provider.StreamType, id, e)
	}
	profile := func(i int) provider.Profile {
		return provider.Profile{
			Name: fmt.Sprint("n", i), ClientID: "c", Scopes: []string{"openid"}, GroupsClaim: "g", JustInTime: i%2 == 0,
			Mapping: []provider.GroupRoles{{Group: fmt.Sprint("g", i), Roles: []string{"viewer"}}}, DefaultRoles: []string{},
		}
	}
	for i := range 300 {
		at := start.Add(time.Duration(i) * time.Second)
		if i == 0 || rand.IntN(60) == 0 {
			id := uuid.NewString()
			happen(id, provider.Added{ID: id, Slot: 1, Issuer: "https://login.example.com", SecretID: uuid.NewString(), Profile: profile(i), At: at})
		}
		id, state := all.any()
		if state.Status == provider.StatusRemoved {
			continue
		}
		domain := fmt.Sprint("d", rand.IntN(4), ".example")
		_, named := state.Domain(domain)
		switch n := rand.IntN(12); {
		case n == 0:
			happen(id, provider.Changed{ID: id, Profile: profile(i), At: at})
		case n == 1:
			happen(id, provider.SecretChanged{ID: id, SecretID: uuid.NewString(), At: at})
		case n == 2:
			happen(id, provider.Disabled{ID: id, Reason: "r", At: at})
		case n == 3:
			happen(id, provider.Enabled{ID: id, At: at})
		case n == 4 && i > 250:
			happen(id, provider.Removed{ID: id, Slot: 1, At: at})
		case !named:
			happen(id, provider.DomainAdded{ID: id, Domain: domain, Token: fmt.Sprint(i), At: at})
		case n%2 == 0:
			happen(id, provider.DomainVerified{ID: id, Domain: domain, At: at})
		default:
			happen(id, provider.DomainRemoved{ID: id, Domain: domain, At: at})
		}
	}
	b.flush()
	for _, id := range all.ids {
		state := all.of[id]
		row, err := dir.IdentityProvider(t.Context(), b.tenant, uuid.MustParse(id))
		if state.Status == provider.StatusRemoved {
			require.ErrorIs(t, err, access.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, access.IdentityProvider{
			ID: uuid.MustParse(id), Issuer: state.Issuer, Profile: state.Profile, SecretID: state.SecretID, Domains: state.Domains,
			Status: string(state.Status), DisabledReason: state.DisabledReason, EnabledAt: state.EnabledAt,
			Version: b.version(provider.StreamType, id), CreatedAt: state.CreatedAt, UpdatedAt: state.UpdatedAt,
		}, row)
		require.Equal(t, state.Status == provider.StatusEnabled, row.Vouches(state.EnabledAt))
		require.False(t, row.Vouches(state.EnabledAt.Add(-time.Microsecond)))
		_, err = dir.IdentityProvider(t.Context(), uuid.New(), uuid.MustParse(id))
		require.ErrorIs(t, err, access.ErrNotFound, "another tenant does not see it")
	}
	list, err := dir.IdentityProviders(t.Context(), b.tenant)
	require.NoError(t, err)
	for i, p := range list {
		require.True(t, i == 0 || !p.CreatedAt.Before(list[i-1].CreatedAt), "oldest first")
	}
	list, err = dir.IdentityProviders(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestMailDomainsAreTheStatesOfTheirStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	b, all := newBatches(t, pool), newStates(maildomain.Apply)
	b.tenant = eventstore.SystemTenant
	for i := range 200 {
		at, domain := start.Add(time.Duration(i)*time.Second), fmt.Sprint("d", rand.IntN(5), ".example")
		var e maildomain.Event = maildomain.Held{Domain: domain, TenantID: uuid.NewString(), ProviderID: uuid.NewString(), At: at}
		if state := all.of[domain]; state.TenantID != "" && rand.IntN(2) == 0 {
			e = maildomain.Released{Domain: domain, TenantID: state.TenantID, At: at}
		}
		all.apply(domain, e)
		b.happen(maildomain.StreamType, domain, e)
	}
	b.flush()
	for _, domain := range append(all.ids, "unknown.example", "\x00") {
		row, err := dir.MailDomain(t.Context(), domain)
		state := all.of[domain]
		if state.TenantID == "" {
			require.ErrorIs(t, err, access.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, access.MailDomain{Domain: domain, Tenant: uuid.MustParse(state.TenantID), Provider: uuid.MustParse(state.ProviderID)}, row)
	}
}
