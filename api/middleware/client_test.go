package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/middleware"
)

func TestTheClientIsTheLastHopThatNobodyTrustedVouchesFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		remote, forwarded, proto string
		address                  string
		secure                   bool
	}{
		{"192.0.2.7:5000", "", "", "192.0.2.7", false},
		{"192.0.2.7:5000", "203.0.113.9", "https", "192.0.2.7", false}, // anybody can write that
		{"10.0.0.1:5000", "203.0.113.9", "https", "203.0.113.9", true},
		{"10.0.0.1:5000", "203.0.113.9", "http", "203.0.113.9", false},
		{"10.0.0.1:5000", "203.0.113.9", "https, http", "203.0.113.9", false}, // the nearest proxy wrote the last
		{"10.0.0.1:5000", "198.51.100.1, 203.0.113.9, 10.2.3.4", "", "203.0.113.9", false},
		{"10.0.0.1:5000", "198.51.100.1|203.0.113.9, 10.2.3.4", "", "203.0.113.9", false}, // two lines
		{"10.0.0.1:5000", "10.9.9.9,10.2.3.4", "", "10.9.9.9", false},                     // all of ours
		{"10.0.0.1:5000", "203.0.113.9, unknown, 10.2.3.4", "", "10.2.3.4", false},        // no guess
		{"10.0.0.1:5000", "", "", "10.0.0.1", false},
		{"10.0.0.1:5000", " , ", "", "10.0.0.1", false},
		{"10.0.0.1:5000", "203.0.113.9:1234", "", "203.0.113.9", false},
		{"[::ffff:10.0.0.1]:5000", "[2001:db8::1]:443", "", "2001:db8::1", false},
		{"[fd00::1]:5000", "[2001:db8::1]", "", "2001:db8::1", false},
		{"[fe80::1%eth0]:5000", "203.0.113.9", "", "fe80::1", false},
		{"@", "203.0.113.9", "https", "@", false}, // no network address at all
	} {
		var info middleware.Info
		var address string
		h := stack(&bytes.Buffer{}, middleware.Route{}, func(_ http.ResponseWriter, r *http.Request) {
			info, address = *middleware.From(r.Context()), middleware.ClientAddress(r)
		})
		r := get("/")
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header["X-Forwarded-For"] = strings.Split(c.forwarded, "|")
		}
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		rec := serve(h, r)
		require.Equal(t, c.address, info.Address, c)
		require.Equal(t, c.address, address)
		require.Equal(t, c.secure, info.Secure, c)
		require.Equal(t, c.secure, rec.Header().Get("Strict-Transport-Security") != "", c)
	}
	r := get("/")
	r.RemoteAddr = "192.0.2.7:5000"
	require.Equal(t, "192.0.2.7", middleware.ClientAddress(r), "outside of the layers")
}

func TestOnlyTheNetworkStandsInLogsAndOnlyWithoutAName(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := stack(&log, middleware.Route{}, func(_ http.ResponseWriter, r *http.Request) {
		middleware.From(r.Context()).Actor = r.URL.Query().Get("actor")
	})
	serve(h, get("/"))
	require.Contains(t, log.String(), `"network":"192.0.2.0/24"`)
	require.NotContains(t, log.String(), "192.0.2.1")
	log.Reset()
	serve(h, get("/?actor=user:7"))
	require.NotContains(t, log.String(), "192.0.2")
}

// FuzzForwardedFor: nothing that a client sends is believed, and whatever comes
// through a trusted proxy leads to an address or to that proxy.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"", ",", "1.2.3.4", "[::1]:2", "::ffff:10.0.0.1", "a,b", "10.0.0.2, 1.2.3.4, x", "[", "1.2.3.4%a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, forwarded string) {
		address := func(remote, forwarded string) netip.Addr {
			var got string
			h := middleware.Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = middleware.ClientAddress(r)
			}), middleware.Begin(slog.New(slog.DiscardHandler), func(*http.Request) middleware.Route { return middleware.Route{} }),
				middleware.Client(trusted))
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = remote
			r.Header["X-Forwarded-For"] = []string{forwarded}
			h.ServeHTTP(httptest.NewRecorder(), r)
			addr, err := netip.ParseAddr(got)
			require.NoError(t, err)
			require.Equal(t, addr.Unmap().WithZone(""), addr)
			return addr
		}
		require.Equal(t, "192.0.2.7", address("192.0.2.7:1", forwarded).String())
		address("10.0.0.1:1", forwarded)
		require.Equal(t, "203.0.113.9", address("10.0.0.1:1", forwarded+",203.0.113.9").String(), "what the proxy saw counts")
		require.Equal(t, "203.0.113.9", address("10.0.0.1:1", forwarded+",203.0.113.9,10.0.0.2").String())
	})
}
