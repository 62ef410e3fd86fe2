package bounds_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/bounds"
	"tansu.cloud/platform/stopwatchtest"
)

const console, app = "https://console.example.com", "https://app.example.com"

func TestOriginsOfTenants(t *testing.T) {
	t.Parallel()
	acme, other := uuid.New(), uuid.New()
	d := &directory{pages: map[uuid.UUID][]string{acme: {app, "https://app.example.com:8443", "http://localhost:3000"}, other: {"https://shop.example.com"}}}
	known := table(t, d)
	for _, c := range []struct {
		origin                string
		known, ofAcme, others bool
	}{
		{app, true, true, false},
		{"https://app.example.com:8443", true, true, false},
		{"http://localhost:3000", true, true, false},
		{"https://shop.example.com", true, false, true},
		{console, true, true, true},
		{"https://app.example.com:443", false, false, false},
		{"https://app.example.com:8444", false, false, false},
		{"http://app.example.com", false, false, false},
		{"https://App.example.com", false, false, false},
		{"https://evil-app.example.com", false, false, false},
		{"https://app.example.com.evil.test", false, false, false},
		{"https://evil.test/?https://app.example.com", false, false, false},
		{"https://example.com", false, false, false},
		{"https://a.app.example.com", false, false, false},
		{"null", false, false, false},
		{"*", false, false, false},
		{"", false, false, false},
	} {
		answer := func(allowed bool, err error) bool {
			require.NoError(t, err)
			return allowed
		}
		require.Equal(t, c.known, answer(known.KnowsOrigin(t.Context(), c.origin)), c.origin)
		require.Equal(t, c.ofAcme, answer(known.AllowsOrigin(t.Context(), acme, true, c.origin)), c.origin)
		require.Equal(t, c.others, answer(known.AllowsOrigin(t.Context(), other, true, c.origin)), c.origin)
		require.Equal(t, c.origin == console, answer(known.AllowsOrigin(t.Context(), acme, false, c.origin)), "the operator: "+c.origin)
	}

	d.do(func() { d.pages[acme] = nil })
	began := stopwatchtest.Start(t)
	require.Eventually(t, func() bool {
		allowed, err := known.AllowsOrigin(t.Context(), acme, true, app)
		require.NoError(t, err)
		asked, err := known.KnowsOrigin(t.Context(), app)
		require.NoError(t, err)
		return !allowed && !asked
	}, patience, time.Millisecond)
	began.Within(time.Second)
}

func TestWhatIsNoOriginCostsNoQuery(t *testing.T) {
	t.Parallel()
	d := &directory{}
	known := table(t, d)
	for _, origin := range []string{"null", "*", "x", "https://a.test/b", "http://plain.test", console} {
		_, err := known.KnowsOrigin(t.Context(), origin)
		require.NoError(t, err)
	}
	require.Zero(t, d.asked)
}

func TestPagesOfTheSameHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ target, origin, want string }{
		{"http://tansu.test/", "", ""},
		{"http://tansu.test/", "http://tansu.test", ""},
		{"http://tansu.test:8080/", "http://TANSU.test:8080", ""},
		{"http://tansu.test/", "https://tansu.test", ""}, // behind a proxy that is not trusted
		{"http://tansu.test:8080/", "http://tansu.test", "http://tansu.test"},
		{"http://tansu.test/", "http://evil-tansu.test", "http://evil-tansu.test"},
		{"http://tansu.test/", "http://tansu.test.evil.test", "http://tansu.test.evil.test"},
		{"http://tansu.test/", "ftp://tansu.test", "ftp://tansu.test"},
		{"http://tansu.test/", "null", "null"},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		require.Equal(t, c.want, bounds.CrossOrigin(r), c)
	}
}
