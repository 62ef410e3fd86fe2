package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/oidc"
)

func TestCookiesOverHTTPS(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	deps := r.deps
	deps.Config = oidc.Config{PublicURL: "https://id.example.com", Secure: true}
	provider, err := oidc.New(deps)
	require.NoError(t, err)
	req := httptest.NewRequest(http.MethodPost, "https://id.example.com/auth/login", strings.NewReader(url.Values{"email": {"ann@example.com"}, "password": {password}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://id.example.com")
	rec := httptest.NewRecorder()
	provider.ServeHTTP(rec, req)
	require.Equal(t, http.StatusSeeOther, rec.Code, rec.Body)
	cookies := rec.Result().Cookies()
	require.Len(t, cookies, 2)
	for _, c := range cookies {
		require.True(t, strings.HasPrefix(c.Name, "__Host-tansu_"), c.Name)
		require.True(t, c.Secure && c.HttpOnly && c.Path == "/" && c.Domain == "" && c.SameSite == http.SameSiteLaxMode, c)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, bad := range []oidc.Config{
		{}, {PublicURL: "id.example.com"}, {PublicURL: "ftp://id.example.com"}, {PublicURL: "https://id.example.com/path"},
		{PublicURL: "https://u@id.example.com"}, {PublicURL: "https://id.example.com?x"}, {PublicURL: "https://id.example.com#x"},
		{PublicURL: "http://id.example.com", Secure: true},
	} {
		require.Error(t, bad.Validate(), bad.PublicURL)
	}
	_, err := oidc.New(oidc.Deps{Config: oidc.Config{PublicURL: "https://id.example.com"}})
	require.ErrorContains(t, err, "Deps.Grants is missing")
}

// Known and unknown accounts take as long. Each takes at least what a hash does,
// and the medians are alike within what a busy machine adds.
func TestUnknownAccountsTakeAsLong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	b := r.browser()
	took := map[string][]time.Duration{}
	for range 9 {
		for _, email := range []string{"ann@example.com", "nobody@example.com"} { // in turn: what is busy is so for both
			start := time.Now()
			require.Equal(t, http.StatusUnauthorized, b.post("/auth/login", url.Values{"email": {email}, "password": {"wrong"}}).status)
			took[email] = append(took[email], time.Since(start))
		}
	}
	median := func(email string) time.Duration {
		slices.Sort(took[email])
		return took[email][len(took[email])/2]
	}
	known, unknown := median("ann@example.com"), median("nobody@example.com")
	require.Less(t, max(known, unknown), 4*min(known, unknown), "known %s, unknown %s", known, unknown)
}
