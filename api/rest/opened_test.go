package rest_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// TestAKnownTenantIsNotLookedUp again in the same version of the directory.
func TestAKnownTenantIsNotLookedUp(t *testing.T) {
	t.Parallel()
	version := &versions{}
	lookups := &countedTenants{}
	r := newRig(t, func(d *rest.Deps) {
		version.Projections, lookups.Tenants = d.Projections, d.Tenants
		d.Projections, d.Tenants, d.Cache = version, lookups, newCounting(t)
	})
	r.tenant("acme")
	gets := func(headers ...string) (n int64) {
		before := lookups.gets.Load()
		r.send("GET", "/v1/events", "", headers...)
		return lookups.gets.Load() - before
	}
	acme := "X-Tenant-Id: acme"
	require.EqualValues(t, 1, gets(acme))
	require.EqualValues(t, 1, gets(acme), "the version is not known")
	version.now.Store("g1@1")
	require.EqualValues(t, 1, gets(acme))
	require.EqualValues(t, 0, gets(acme))
	require.EqualValues(t, 1, gets("X-Tenant-Id: nobody"))
	require.EqualValues(t, 1, gets("X-Tenant-Id: nobody"), "what is not there may come")
	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"test"}`).ok(200)
	version.now.Store("g1@2")
	for range 3 {
		r.send("GET", "/v1/events", "", acme).problem(403, "tenant_suspended")
	}
}

// versions are told by the test; "" is not known.
type versions struct {
	rest.Projections
	now atomic.Value
}

func (v *versions) Shown(string, uuid.UUID) (version string, reached int64, known bool) {
	version, _ = v.now.Load().(string)
	return version, 0, version != ""
}

type countedTenants struct {
	rest.Tenants
	gets atomic.Int64
}

func (c *countedTenants) Get(ctx context.Context, idOrSlug string) (tenantdirectory.Tenant, error) {
	c.gets.Add(1)
	return c.Tenants.Get(ctx, idOrSlug)
}
