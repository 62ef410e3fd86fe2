package rest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/eventstore"
)

// slowLog takes a while, as a long log does.
type slowLog struct {
	eventstore.Reader
	delay time.Duration
}

func (l slowLog) Head(ctx context.Context, tenant uuid.UUID) (eventstore.Head, error) {
	select {
	case <-ctx.Done():
		return eventstore.Head{}, ctx.Err()
	case <-time.After(l.delay):
		return l.Reader.Head(ctx, tenant)
	}
}

func (l slowLog) ClaimHolder(ctx context.Context, tenant uuid.UUID, scope, value string) (eventstore.Stream, bool, error) {
	if _, err := l.Head(ctx, tenant); err != nil {
		return eventstore.Stream{}, false, err
	}
	return l.Reader.ClaimHolder(ctx, tenant, scope, value)
}

// TestDeadlinesOfTheServer: its time-outs are for slow clients; neither a long
// read nor a command may be cut by them.
func TestDeadlinesOfTheServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *rest.Deps) { d.Log = slowLog{d.Log, 5 * time.Second} })
	r.tenant("acme")
	server := httptest.NewUnstartedServer(r.handler)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 4*time.Second, 4*time.Second
	server.Start()
	t.Cleanup(server.Close)
	for _, req := range []*http.Request{
		request("GET", "/v1/audit/verify", ""), request("GET", "/v1/audit/export", ""), request("GET", "/v1/events", ""),
		request("PUT", "/v1/tenants/acme/name", `{"name":"B"}`),
	} {
		target := req.URL.Path
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			var err error
			req.URL, err = req.URL.Parse(server.URL + target)
			require.NoError(t, err)
			req.RequestURI = ""
			res, err := server.Client().Do(req)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, res.StatusCode)
			require.NoError(t, res.Body.Close())
		})
	}
}

// TestOverAConnection: what arrives over a real connection.
func TestOverAConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := httptest.NewServer(r.handler)
	defer server.Close()
	for _, c := range []struct {
		head, body string
		status     int
	}{
		{"POST /v1/tenants HTTP/1.1\r\nContent-Length: 2000000\r\nExpect: 100-continue", "", 413},
		{"POST /v1/tenants HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked", "5\r\n{\"slu\r\n0\r\n\r\n", 400},
		{"GET /v1/tenants HTTP/1.1\r\nTransfer-Encoding: chunked", "0\r\n\r\n", 200},
		{"GET /v1/tenants/%zz HTTP/1.1", "", 400},
		{"OPTIONS * HTTP/1.1", "", 200}, // answered by net/http itself
		{"GET http://elsewhere.example/v1/tenants HTTP/1.1", "", 200},
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		_, err = fmt.Fprintf(conn, "%s\r\nHost: tansu.test\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n%s", c.head, token, c.body)
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, c.head)
		require.Equal(t, c.status, res.StatusCode, c.head)
		require.NoError(t, conn.Close())
	}
	require.Zero(t, r.position())
}
