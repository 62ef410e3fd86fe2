package rest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// public lists the routes that need no token. A route that is neither here nor
// declares a permission does not pass.
var public = map[string]bool{
	"GET /livez": true, "GET /readyz": true, "GET /startupz": true, "GET /openapi.json": true, "GET /docs": true,
	"GET /asyncapi.json": true, "GET /v1/ws": true, // the token comes in the first frame
}

func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	s := newServer(Deps{})
	require.NoError(t, s.publish())
	seen := 0
	for pattern, rt := range s.routes {
		require.Equal(t, public[pattern], rt.public, "%s: public routes stand in the list above", pattern)
		require.Equal(t, rt.public, rt.permission == "", "%s: needs a permission, or to be public", pattern)
		seen++
	}
	for _, op := range operations(s.api.OpenAPI()) {
		rt, known := s.routes[op.Method+" "+op.Path]
		require.True(t, known, "%s %s is registered beside register", op.Method, op.Path)
		require.Equal(t, rt.public, len(op.Security) == 0, "%s %s: the document must say whether a token is needed", op.Method, op.Path)
		require.Equal(t, op.Method != http.MethodGet, rt.body, "%s %s", op.Method, op.Path)
	}
	require.Greater(t, seen, 25)
	for pattern := range public {
		require.Contains(t, s.routes, pattern)
	}
}
