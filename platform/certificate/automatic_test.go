package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/acme/autocert"

	"tansu.cloud/platform/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var master = [32]byte{7}

// tlsNode is a node of an installation whose only tenant is acme.
type tlsNode struct {
	*Automatic
	addr  string
	plain *httptest.Server
	asked atomic.Int64 // for tenants
}

func newTLSNode(t *testing.T, a *authority, pool *pgxpool.Pool) *tlsNode {
	t.Helper()
	n := &tlsNode{Automatic: NewAutomatic(Order{Domains: []string{"tansu.test"}, Email: "a@tansu.test", Directory: a.url + "/directory", Parent: "tansu.test"})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n.addr = listener.Addr().String()
	server := &http.Server{
		TLSConfig: n.Server(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	_, err = n.dial(a, "tansu.test")
	require.Error(t, err, "it is not open yet")

	store, err := NewStore(pool, master, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	n.Open(store, func(_ context.Context, slug string) (bool, error) {
		n.asked.Add(1)
		return slug == "acme", nil
	})
	t.Cleanup(n.Close)
	if a.challenge == "http-01" {
		n.plain = httptest.NewServer(n.Plain())
		t.Cleanup(n.plain.Close)
		a.http = n.plain.Listener.Addr().String()
	}
	a.tls = n.addr
	return n
}

// dial returns the name in the certificate that a client gets.
func (n *tlsNode) dial(a *authority, name string) (string, error) {
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 30 * time.Second}, "tcp", n.addr, &tls.Config{RootCAs: roots, ServerName: name, NextProtos: []string{"h2"}})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		return "", fmt.Errorf("the protocol is %q", conn.ConnectionState().NegotiatedProtocol)
	}
	return conn.ConnectionState().PeerCertificates[0].DNSNames[0], nil
}

func TestCertificatesAreGotAndShared(t *testing.T) {
	t.Parallel()
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			t.Parallel()
			a, pool := newAuthority(t, challenge), postgrestest.New(t)
			n := newTLSNode(t, a, pool)
			for _, name := range []string{"tansu.test", "acme.tansu.test", "ACME.tansu.test"} {
				_, err := n.dial(a, name)
				require.NoError(t, err, name)
			}
			require.Equal(t, []string{"tansu.test", "acme.tansu.test"}, a.ordered(), "each once")

			second := newTLSNode(t, a, pool)
			got, err := second.dial(a, "acme.tansu.test")
			require.NoError(t, err)
			require.Equal(t, "acme.tansu.test", got)
			require.Len(t, a.ordered(), 2, "another node has them from the database")
		})
	}
}

func TestMadeUpNamesAreNotOrdered(t *testing.T) {
	t.Parallel()
	a, pool := newAuthority(t, "tls-alpn-01"), postgrestest.New(t)
	n := newTLSNode(t, a, pool)
	for _, name := range []string{"nobody.tansu.test", "a.acme.tansu.test", "evil-tansu.test", "tansu.test.evil.test", "evil.test", "xacme.tansu.test.", ""} {
		require.Error(t, n.allow(t.Context(), name), name)
		_, err := n.dial(a, name)
		require.Error(t, err, name)
	}
	asked := n.asked.Load()
	for i := range 1000 {
		require.Error(t, n.allow(t.Context(), fmt.Sprintf("made-up-%d.tansu.test", i)))
	}
	require.Less(t, n.asked.Load()-asked, int64(200), "what is not known costs few queries")
	require.Empty(t, a.ordered())

	challenge, err := tls.Dial("tcp", n.addr, &tls.Config{InsecureSkipVerify: true, ServerName: "evil.test", NextProtos: []string{"acme-tls/1"}})
	if err == nil {
		_ = challenge.Close()
	}
	require.Error(t, err)
}

func TestTheStore(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	var log bytes.Buffer
	s, err := NewStore(pool, master, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	ctx, secret := t.Context(), []byte("-----BEGIN EC PRIVATE KEY-----")
	_, err = s.Get(ctx, "acme_account+key")
	require.ErrorIs(t, err, autocert.ErrCacheMiss)
	require.NoError(t, s.Put(ctx, "tansu.test", []byte("older")))
	require.NoError(t, s.Put(ctx, "tansu.test", secret))
	got, err := s.Get(ctx, "tansu.test")
	require.NoError(t, err)
	require.Equal(t, secret, got)
	var stored []byte
	require.NoError(t, pool.QueryRow(ctx, "SELECT wrapped FROM certificates WHERE name = 'tansu.test'").Scan(&stored))
	require.NotContains(t, string(stored), "PRIVATE KEY")
	require.NotContains(t, log.String(), "PRIVATE KEY")

	_, err = pool.Exec(ctx, "UPDATE certificates SET name = 'other.test'")
	require.NoError(t, err)
	_, err = s.Get(ctx, "other.test")
	require.ErrorContains(t, err, "cannot be unwrapped", "it is bound to its name")
	require.NoError(t, s.Delete(ctx, "other.test"))
	require.NoError(t, s.Delete(ctx, "other.test"))

	missing, limited := 0, 0
	for i := range 100 {
		_, err := s.Get(ctx, fmt.Sprintf("tenant-%d.tansu.test", i))
		if err == autocert.ErrCacheMiss {
			missing++
		} else {
			limited++
		}
	}
	require.LessOrEqual(t, missing, orderBurst+1)
	require.Positive(t, limited)
	for i := range 10_000 {
		if _, err = s.Get(ctx, fmt.Sprintf("made-up-%d+http-01", i)); err != autocert.ErrCacheMiss {
			break
		}
	}
	require.ErrorContains(t, err, "too many challenges")
}
