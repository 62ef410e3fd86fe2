package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/access"
	"tansu.cloud/api/rest"
	"tansu.cloud/api/ws"
	"tansu.cloud/platform/stopwatchtest"
)

const feedTimeout = time.Minute // reached only when a test fails

// serverEvent is one of an event stream.
type serverEvent struct{ id, event, data, retry string }

// position is that of the data, of whichever kind.
func (e serverEvent) position(t *testing.T) int64 {
	t.Helper()
	var data struct {
		Position int64
		Event    int64 `json:"tansuposition,string"`
	}
	require.NoError(t, json.Unmarshal([]byte(e.data), &data), e.data)
	return max(data.Position, data.Event)
}

// follower reads an event stream from a server.
type follower struct {
	t     *testing.T
	res   *http.Response
	lines *bufio.Scanner
}

func (r *rig) follow(t *testing.T, server *httptest.Server, target string, headers ...string) *follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), feedTimeout)
	t.Cleanup(cancel)
	req := request("GET", target, "", headers...).WithContext(ctx)
	var err error
	req.URL, err = req.URL.Parse(server.URL + target)
	require.NoError(t, err)
	req.RequestURI = ""
	res, err := server.Client().Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, http.StatusOK, res.StatusCode)
	f := &follower{t: t, res: res, lines: bufio.NewScanner(res.Body)}
	f.lines.Buffer(nil, 4<<20)
	return f
}

// next returns the next event; ok is false at the end of the stream.
func (f *follower) next() (e serverEvent, ok bool) {
	for f.lines.Scan() {
		name, value, _ := strings.Cut(f.lines.Text(), ": ")
		switch name {
		case "":
			if e != (serverEvent{}) {
				return e, true
			}
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "retry":
			e.retry = value
		case "data":
			e.data += value
		}
	}
	return e, false
}

func (f *follower) expect(event string) serverEvent {
	f.t.Helper()
	e, ok := f.next()
	require.True(f.t, ok, "the stream ended before %s: %v", event, f.lines.Err())
	require.Equal(f.t, event, e.event, "%+v", e)
	return e
}

// events reads up to a position and returns the types of the events.
func (f *follower) events(position int64) (types []string) {
	f.t.Helper()
	for {
		e, ok := f.next()
		require.True(f.t, ok, f.lines.Err())
		require.Contains(f.t, []string{"event", "position"}, e.event)
		require.Equal(f.t, fmt.Sprint(e.position(f.t)), e.id)
		if e.event == "event" {
			var event struct{ Type string }
			require.NoError(f.t, json.Unmarshal([]byte(e.data), &event))
			types = append(types, event.Type)
		}
		if e.position(f.t) >= position {
			return types
		}
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	r.tenant("acme")
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`).ok(200)

	f := r.follow(t, server, "/v1/feed?after=0")
	require.Equal(t, "text/event-stream", f.res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", f.res.Header.Get("Cache-Control"))
	require.Equal(t, "no", f.res.Header.Get("X-Accel-Buffering"))
	require.Equal(t, "0", f.expect("subscribed").id)
	require.Equal(t, []string{"tenant.created", "tenant.renamed"}, f.events(2))
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"C"}`).ok(200)
	require.Equal(t, []string{"tenant.renamed"}, f.events(3))

	resumed := r.follow(t, server, "/v1/feed?snapshot=tenants", "Last-Event-ID: 2")
	require.Equal(t, "2", resumed.expect("subscribed").id)
	require.Equal(t, []string{"tenant.renamed"}, resumed.events(3))

	selected := r.follow(t, server, "/v1/feed?after=0&type=tenant.created,tenant.suspended&stream_type=tenant&actor=operator&filter="+
		"data.name%20!%3D%20%22%22&coalesce=true")
	selected.expect("subscribed")
	require.Equal(t, "event", selected.expect("event").event)
	require.EqualValues(t, 3, selected.expect("position").position(t), "only the position moves")

	now := r.follow(t, server, "/v1/feed")
	require.Equal(t, "3", now.expect("subscribed").id)

	fold := r.follow(t, server, "/v1/feed?snapshot=tenants")
	var snapshot struct{ Rows []struct{ Slug string } }
	require.NoError(t, json.Unmarshal([]byte(fold.expect("snapshot").data), &snapshot))
	require.Equal(t, "acme", snapshot.Rows[0].Slug)
	fold.expect("subscribed")

	require.Equal(t, http.StatusOK, r.send("HEAD", "/v1/feed", "").Code)
}

func TestRefusedFeeds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"r"}`).ok(200)
	for _, x := range []struct {
		target, header string
		status         int
		code           string
		errors         []string
	}{
		{"/v1/feed?after=99", "", 422, "position_ahead", []string{"/query/after too_large"}},
		{"/v1/feed", "Last-Event-ID: 99", 422, "position_ahead", []string{"/header/Last-Event-ID too_large"}},
		{"/v1/feed", "Last-Event-ID: x", 400, "header_invalid", []string{"/header/Last-Event-ID wrong_type"}},
		{"/v1/feed?after=-1", "", 422, "validation_failed", []string{"/query/after out_of_range"}},
		{"/v1/feed?after=x", "", 422, "validation_failed", []string{"/query/after wrong_type"}},
		{"/v1/feed?after=1&snapshot=tenants", "", 422, "validation_failed", []string{"/query/after ambiguous"}},
		{"/v1/feed?snapshot=nothing", "", 422, "snapshot_unknown", []string{"/query/snapshot not_allowed"}},
		{"/v1/feed?filter=type+%3D%3D", "", 422, "filter_invalid", []string{"/query/filter filter_invalid"}},
		{"/v1/feed?token=" + token, "", 422, "validation_failed", []string{"/query/token unknown_parameter"}},
		{"/v1/feed", "-Authorization", 401, "unauthorized", nil},
		{"/v1/feed", "Accept: application/json", 406, "not_acceptable", nil},
		{"/v1/feed", "X-Tenant-Id: acme", 403, "tenant_suspended", nil},
		{"/v1/feed", "X-Tenant-Id: nobody", 404, "tenant_not_found", nil},
		{"/v1/feed?type=" + strings.Repeat("a.b,", 51), "", 422, "validation_failed", []string{"/query/type too_many"}},
		{"/v1/ws", "", 426, "upgrade_required", nil},
		{"/v1/ws?token=" + token, "", 400, "token_in_url", nil},
	} {
		var headers []string
		if x.header != "" {
			headers = []string{x.header}
		}
		t.Run(x.target+" "+x.header, func(t *testing.T) {
			require.Equal(t, x.errors, pointers(r.send("GET", x.target, "", headers...).problem(x.status, x.code)))
		})
	}
}

// TestFeedsEndWithTheirRights, and say why: within a second.
func TestFeedsEndWithTheirRights(t *testing.T) {
	t.Parallel()
	var revoked atomic.Bool
	until, err := access.New(access.Deps{Operator: operatorUntil{operatorHash(token), &revoked}})
	require.NoError(t, err)
	t.Cleanup(until.Close)
	r := newRig(t, func(d *rest.Deps) { d.Access = until })
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	r.tenant("acme")
	ofAcme := r.follow(t, server, "/v1/feed", "X-Tenant-Id: acme")
	ofSystem := r.follow(t, server, "/v1/feed")
	ofAcme.expect("subscribed")
	ofSystem.expect("subscribed")
	socket := r.dial(t, server, "X-Tenant-Id: acme")

	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"r"}`).ok(200)
	begun := stopwatchtest.Start(t)
	require.JSONEq(t, `{"code":"tenant_suspended","retry_in":0}`, ofAcme.expect("closing").data)
	_, more := ofAcme.next()
	require.False(t, more)
	var closed *websocket.CloseError
	for closed == nil {
		if _, _, err := socket.ReadMessage(); err != nil {
			require.ErrorAs(t, err, &closed)
		}
	}
	require.Equal(t, ws.CloseForbidden, closed.Code)
	require.Equal(t, "tenant_suspended", closed.Text)
	begun.Within(time.Second)
	ofSystem.expect("event")

	revoked.Store(true)
	begun = stopwatchtest.Start(t)
	require.JSONEq(t, `{"code":"unauthorized","retry_in":0}`, ofSystem.expect("closing").data)
	begun.Within(time.Second)
}

type operatorUntil struct {
	access.OperatorHash
	revoked *atomic.Bool
}

func (o operatorUntil) VerifyOperator(token string) bool {
	return !o.revoked.Load() && o.OperatorHash.VerifyOperator(token)
}

// dial opens a websocket through all of the interface.
func (r *rig) dial(t *testing.T, server *httptest.Server, headers ...string) *websocket.Conn {
	t.Helper()
	header := http.Header{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		header.Set(name, value)
	}
	dialer := websocket.Dialer{Subprotocols: []string{ws.Subprotocol}}
	socket, res, err := dialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/v1/ws", header)
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	require.NotEmpty(t, res.Header.Get("X-Request-Id"))
	require.NoError(t, socket.SetReadDeadline(time.Now().Add(feedTimeout)))
	require.NoError(t, socket.WriteJSON(map[string]string{"type": "connect", "token": token}))
	var connected struct{ Type, Tenant string }
	require.NoError(t, socket.ReadJSON(&connected))
	require.Equal(t, "connected", connected.Type)
	return socket
}

// TestSocketOfASubdomain: the host names the tenant, and the upgrade is in the
// access log.
func TestSocketOfASubdomain(t *testing.T) {
	t.Parallel()
	logs := make(chan string, 100)
	r := newRig(t, func(d *rest.Deps) {
		d.Config.Domain = "tansu.test"
		d.Logger = slog.New(slog.NewJSONHandler(lines(logs), nil))
	})
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	id := r.tenant("acme")
	header := http.Header{"Host": {"acme.tansu.test"}}
	dialer := websocket.Dialer{Subprotocols: []string{ws.Subprotocol}}
	socket, _, err := dialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/v1/ws", header)
	require.NoError(t, err)
	defer socket.Close()
	require.NoError(t, socket.WriteJSON(map[string]string{"type": "connect", "token": token, "tenant": "acme"}))
	var connected struct{ Type, Tenant string }
	require.NoError(t, socket.ReadJSON(&connected))
	require.Equal(t, id, connected.Tenant)
	for line := range logs {
		require.NotContains(t, line, token)
		if strings.Contains(line, `"route":"GET /v1/ws"`) {
			require.Contains(t, line, `"status":101`)
			break
		}
	}
}

// lines is where a logger writes.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// TestFeedsEndOnShutdown: with a hint when to come back.
func TestFeedsEndOnShutdown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	f := r.follow(t, server, "/v1/feed")
	f.expect("subscribed")
	require.NoError(t, r.deps.Sockets.(*ws.Server).Drain(context.Background()))
	e := f.expect("closing")
	var closing struct {
		Code    string
		RetryIn int `json:"retry_in"`
	}
	require.NoError(t, json.Unmarshal([]byte(e.data), &closing))
	require.Equal(t, "shutdown", closing.Code)
	require.Equal(t, fmt.Sprint(closing.RetryIn), e.retry)
	r.send("GET", "/v1/feed", "").problem(503, "unavailable")
}

// TestSuspensionOnPostgres: from the answer to the command to the end of the
// tenant's sockets it takes less than a second.
func TestSuspensionOnPostgres(t *testing.T) {
	t.Parallel()
	r := newNode(t)
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	r.tenant("acme")
	socket := r.dial(t, server, "X-Tenant-Id: acme")
	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"r"}`).ok(200)
	begun := stopwatchtest.Start(t)
	var closed *websocket.CloseError
	for closed == nil {
		if _, _, err := socket.ReadMessage(); err != nil {
			require.ErrorAs(t, err, &closed)
		}
	}
	require.Equal(t, "tenant_suspended", closed.Text)
	begun.Within(time.Second)
}
