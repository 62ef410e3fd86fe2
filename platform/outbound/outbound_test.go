package outbound

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var loopback = netip.MustParsePrefix("127.0.0.0/8")

func get(t *testing.T, c *http.Client, url string) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	require.NoError(t, err)
	resp, err := c.Do(req)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, resp.Body.Close()) })
	}
	return resp, err
}

// counting is a server on loopback that counts connections.
func counting(t *testing.T, tls bool, h http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, &connections
}

// TestForbiddenAddresses: no connection is made, in whatever form the address is
// written, by name or by number.
func TestForbiddenAddresses(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		server, connections := counting(t, tls, func(http.ResponseWriter, *http.Request) {})
		scheme, port := "http://", server.Listener.Addr().(*net.TCPAddr).Port
		if tls {
			scheme = "https://"
		}
		client := NewClient(Config{Resolver: names(map[string][]string{
			"internal.test": {"127.0.0.1"}, "mapped.test": {"127.0.0.1"}, "metadata.test": {"169.254.169.254"},
		})})
		for _, host := range []string{
			"127.0.0.1", "127.1.2.3", "localhost", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
			"10.0.0.1", "192.168.1.1", "172.20.0.1", "169.254.169.254", "100.64.0.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]",
			"internal.test", "metadata.test",
		} {
			_, err := get(t, client, scheme+host+":"+itoa(port)+"/")
			require.ErrorIs(t, err, ErrRefused, host)
		}
		// Numbers that other resolvers read as addresses are names here, which do
		// not exist.
		for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1"} {
			_, err := get(t, client, scheme+host+":"+itoa(port)+"/")
			require.Error(t, err, host)
		}
		require.Zero(t, connections.Load())
	}
}

func TestPlainHTTPIsForAllowedNetworksOnly(t *testing.T) {
	t.Parallel()
	_, err := get(t, NewClient(Config{Allowed: []netip.Prefix{loopback}}), "http://1.1.1.1/")
	require.ErrorIs(t, err, ErrRefused)
	_, err = get(t, NewClient(Config{Allowed: []netip.Prefix{loopback}}), "ftp://127.0.0.1/")
	require.ErrorContains(t, err, "scheme")
}

func TestAllowedNetworksAreReached(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		server, connections := counting(t, tls, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		})
		client := NewClient(Config{Allowed: []netip.Prefix{loopback}})
		trust(client, server)
		for range 3 {
			resp, err := get(t, client, server.URL)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, "{}", string(body))
		}
		require.EqualValues(t, 1, connections.Load(), "connections are kept")
		client.CloseIdleConnections()
	}
}

// TestRebinding: a name that was harmless when it was looked up first is checked
// again with every connection, by the address that is connected to.
func TestRebinding(t *testing.T) {
	t.Parallel()
	server, connections := counting(t, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
	})
	port := itoa(server.Listener.Addr().(*net.TCPAddr).Port)
	answers := &rebinding{first: "127.0.0.1", then: "127.0.0.2"}
	client := NewClient(Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Resolver: answers.resolver()})
	_, err := get(t, client, "http://rebind.test:"+port)
	require.NoError(t, err)
	_, err = get(t, client, "http://rebind.test:"+port)
	require.ErrorIs(t, err, ErrRefused)
	require.EqualValues(t, 1, connections.Load())
}

// TestOneForbiddenAddressAmongOthers: a name with a public and a private address
// never leads to the private one.
func TestOneForbiddenAddressAmongOthers(t *testing.T) {
	t.Parallel()
	server, connections := counting(t, false, func(http.ResponseWriter, *http.Request) {})
	port := itoa(server.Listener.Addr().(*net.TCPAddr).Port)
	client := NewClient(Config{
		Allowed:  []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}, // where nobody listens
		Resolver: names(map[string][]string{"both.test": {"127.0.0.9", "127.0.0.1"}}),
	})
	_, err := get(t, client, "http://both.test:"+port)
	require.Error(t, err)
	require.Zero(t, connections.Load())
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	target, reached := counting(t, false, func(http.ResponseWriter, *http.Request) {})
	server, _ := counting(t, false, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
	})
	resp, err := get(t, NewClient(Config{Allowed: []netip.Prefix{loopback}}), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusTemporaryRedirect, resp.StatusCode)
	require.Zero(t, reached.Load())
}

func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	proxy, used := counting(t, false, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("ALL_PROXY", proxy.URL)
	_, err := get(t, NewClient(Config{Resolver: names(nil)}), "https://example.test/")
	require.Error(t, err)
	require.Zero(t, used.Load())
	for _, transport := range NewClient(Config{}).Transport.(schemes) {
		require.Nil(t, transport.Proxy)
	}
}

func TestAnswersAreNotUnpackedAndHeadersAreBounded(t *testing.T) {
	t.Parallel()
	server, _ := counting(t, false, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/headers" {
			w.Header().Set("X-Long", strings.Repeat("x", 64<<10))
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "not gzip; accepts "+r.Header.Get("Accept-Encoding"))
	})
	client := NewClient(Config{Allowed: []netip.Prefix{loopback}})
	resp, err := get(t, client, server.URL)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "not gzip; accepts ", string(body))
	_, err = get(t, client, server.URL+"/headers")
	require.Error(t, err)
}

// trust makes a client accept the certificate of a test server.
func trust(c *http.Client, s *httptest.Server) {
	if s.Certificate() == nil {
		return
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c.Transport.(schemes)["https"].TLSClientConfig.RootCAs = pool
}

func itoa(port int) string {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)).String()[len("0.0.0.0:"):]
}

// names is a resolver that knows these names and no others.
func names(known map[string][]string) *net.Resolver {
	return nameServer(func(name string) []string { return known[name] })
}

// rebinding answers with one address at first and with another one later.
type rebinding struct {
	first, then string
	mu          sync.Mutex
	asked       bool
}

func (r *rebinding) resolver() *net.Resolver {
	return nameServer(func(string) []string {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.asked {
			return []string{r.then}
		}
		r.asked = true
		return []string{r.first}
	})
}

// nameServer is a resolver with a name server of a few lines behind it (RFC
// 1035, over a stream), which is asked for IPv4 addresses.
func nameServer(answer func(name string) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				reply := dnsReply(query, answer)
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

func dnsReply(query []byte, answer func(string) []string) []byte {
	const header = 12
	var labels []string
	at := header
	for query[at] != 0 {
		labels = append(labels, string(query[at+1:at+1+int(query[at])]))
		at += 1 + int(query[at])
	}
	kind := binary.BigEndian.Uint16(query[at+1:])
	question := query[header : at+5]
	var ips []string
	if kind == 1 {
		ips = answer(strings.Join(labels, "."))
	}
	reply := append([]byte{}, query[:2]...)
	reply = append(reply, 0x84, 0x00, 0, 1, 0, byte(len(ips)), 0, 0, 0, 0)
	reply = append(reply, question...)
	for _, ip := range ips {
		v4 := netip.MustParseAddr(ip).As4()
		reply = append(reply, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, v4[:]...)
	}
	return reply
}
