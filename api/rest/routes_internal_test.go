package rest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/permission"
)

// public lists the routes that need no token. A route that is neither here nor
// declares a permission does not pass.
var public = map[string]bool{
	"GET /livez": true, "GET /readyz": true, "GET /startupz": true, "GET /openapi.json": true, "GET /docs": true,
	"GET /asyncapi.json": true, "GET /v1/ws": true, // the token comes in the first frame
}

// anyone lists the routes that need a token and no permission: they tell callers
// about themselves.
var anyone = map[string]bool{
	"GET /v1/permissions": true, "GET /v1/me": true, "GET /v1/tenants/current": true,
	"GET /v1/sessions": true, "DELETE /v1/sessions/{id}": true,
	"GET /v1/consents": true, "DELETE /v1/consents/{client}/{tenant}": true,
}

func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	s := newServer(Deps{})
	require.NoError(t, s.publish())
	seen := 0
	for pattern, rt := range s.routes {
		require.Equal(t, public[pattern], rt.public, "%s: public routes stand in the list above", pattern)
		require.Equal(t, anyone[pattern], rt.anyone, "%s: routes for anyone stand in the list above", pattern)
		if !rt.public && !rt.anyone {
			info, known := permission.Find(rt.permission)
			require.True(t, known, "%s needs %q, which is no permission", pattern, rt.permission)
			require.False(t, info.OwnerOnly, pattern)
			require.False(t, rt.tenant && info.Platform, "%s: a platform permission has no meaning in a tenant", pattern)
			require.True(t, rt.tenant || info.Platform || pattern == "GET /v1/audit/key", "%s is not about a tenant, so its permission is one of the platform", pattern)
		} else {
			require.Empty(t, rt.permission, pattern)
		}
		seen++
	}
	for _, op := range operations(s.api.OpenAPI()) {
		rt, known := s.routes[op.Method+" "+op.Path]
		require.True(t, known, "%s %s is registered beside register", op.Method, op.Path)
		require.Equal(t, rt.public, len(op.Security) == 0, "%s %s: the document must say whether a token is needed", op.Method, op.Path)
		require.Equal(t, op.Method != http.MethodGet, rt.body, "%s %s", op.Method, op.Path)
	}
	require.Greater(t, seen, 90)
	for pattern := range anyone {
		require.Contains(t, s.routes, pattern)
	}
	for pattern := range public {
		require.Contains(t, s.routes, pattern)
	}
}
