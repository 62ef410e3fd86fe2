package rest_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestListsHaveValidators: an answer without a version of its own has a tag that
// stands for its bytes, also compressed, and by HEAD.
func TestListsHaveValidators(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, slug := range []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot"} {
		r.tenant(slug)
	}
	for _, target := range []string{"/v1/tenants", "/v1/tenants?limit=2", "/v1/events", "/v1/roles", "/v1/members", "/v1/permissions", "/v1/me"} {
		first := r.send("GET", target, "")
		first.ok(200)
		tag := first.Header().Get("ETag")
		require.Regexp(t, `^W/"[A-Za-z0-9_-]{16}"$`, tag, target)
		require.Equal(t, "private, no-cache", first.Header().Get("Cache-Control"))
		require.Contains(t, first.Header().Values("Vary"), "Authorization, Accept-Encoding, X-Tenant-Id", target)
		for _, asked := range []string{tag, `"other", ` + tag, tag[2:], "*"} {
			a := r.send("GET", target, "", "If-None-Match: "+asked)
			require.Equal(t, http.StatusNotModified, a.Code, "%s %s", target, asked)
			require.Equal(t, tag, a.Header().Get("ETag"))
			require.Empty(t, a.Body.Bytes())
			require.Empty(t, a.Header().Get("Content-Type"))
			require.Equal(t, "private, no-cache", a.Header().Get("Cache-Control"))
		}
		again := r.send("GET", target, "", `If-None-Match: W/"other"`)
		require.True(t, bytes.Equal(first.Body.Bytes(), again.Body.Bytes()))
		head := r.send("HEAD", target, "")
		require.Equal(t, 200, head.Code)
		require.Equal(t, tag, head.Header().Get("ETag"), target)
		require.Equal(t, http.StatusNotModified, r.send("HEAD", target, "", "If-None-Match: "+tag).Code)
		r.send("GET", target, "", "If-None-Match: nonsense").problem(400, "header_invalid")
	}

	packed := r.send("GET", "/v1/tenants", "", "Accept-Encoding: gzip")
	require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
	tag := packed.Header().Get("ETag")
	require.Regexp(t, `^W/".*-gzip"$`, tag)
	again := r.send("GET", "/v1/tenants", "", "Accept-Encoding: gzip", "If-None-Match: "+tag)
	require.Equal(t, http.StatusNotModified, again.Code)
	require.Equal(t, tag, again.Header().Get("ETag"))

	r.tenant("golf")
	changed := r.send("GET", "/v1/tenants", "", "If-None-Match: "+tag)
	changed.ok(200)
	require.NotEqual(t, packed.Header().Get("ETag"), changed.Header().Get("ETag"))

	for _, target := range []string{"/livez", "/readyz"} {
		require.Empty(t, r.send("GET", target, "").Header().Get("ETag"), target)
	}
	refused := r.send("GET", "/v1/tenants?limit=0", "")
	refused.problem(422, "validation_failed")
	require.Empty(t, refused.Header().Get("ETag"))
}
