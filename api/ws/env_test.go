package ws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/problem"
	"tansu.cloud/api/ws"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/presence"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
)

const timeout = 30 * time.Second // of waits; reached only when a test fails

var acme, other = uuid.MustParse("01926a3c-0000-7000-8000-000000000001"), uuid.MustParse("01926a3c-0000-7000-8000-000000000002")

// env is the sockets on a real hub over a log in memory.
type env struct {
	t       testing.TB
	store   *memory.Store
	server  *ws.Server
	http    *httptest.Server
	tokens  *tokens
	tenants *tenants
	pages   *pages
}

func newEnv(t testing.TB, change ...func(*ws.Deps)) *env {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	messages := bus.NewInProcess(logger)
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: messages})
	require.NoError(t, err)
	e := &env{t: t, tokens: &tokens{}, tenants: &tenants{}, pages: &pages{}}
	e.store = memory.New(memory.Options{OnCommit: relay.Committed})
	hub, err := feeds.NewHub(feeds.Config{
		Subscriber: messages.Fanout(), Log: e.store, HeadsOf: e.headsOf, Snapshots: map[string]feeds.Snapshot{"orders": e.orders},
	})
	require.NoError(t, err)
	require.NoError(t, relay.Start(context.Background()))
	require.NoError(t, hub.Start(context.Background()))
	e.tokens.put("good", ws.Principal{Actor: "ada", Permitted: everything})
	deps := ws.Deps{
		Hub: hub, Authenticate: e.tokens.authenticate, Tenant: e.tenants.find, Quota: e.tenants.quota,
		Channels: presence.NewLocal(), Limits: limits.NewLocal(), Logger: logger, Origins: e.pages,
	}
	for _, c := range change {
		c(&deps)
	}
	e.server, err = ws.New(deps)
	require.NoError(t, err)
	e.http = httptest.NewServer(e.server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		e.drain()
		e.http.Close()
		require.NoError(t, hub.Stop(ctx))
		require.NoError(t, relay.Stop(ctx))
	})
	return e
}

// drain ends all connections; those whose client does not read are cut.
func (e *env) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = e.server.Drain(ctx)
	require.Zero(e.t, e.server.Holders())
}

func everything(uuid.UUID, string) bool { return true }

// tokens are the credentials that hold.
type tokens struct {
	principals sync.Map // string to ws.Principal
	asked      atomic.Int64
}

func (s *tokens) put(token string, p ws.Principal) { s.principals.Store(token, p) }
func (s *tokens) revoke(token string)              { s.principals.Delete(token) }

func (s *tokens) authenticate(_ context.Context, token, _ string) (ws.Principal, error) {
	s.asked.Add(1)
	p, ok := s.principals.Load(token)
	if !ok {
		return ws.Principal{}, problem.New(problem.Unauthorized, "The token does not hold.")
	}
	return p.(ws.Principal), nil
}

// tenants are acme, other and the system tenant; they can be closed.
type tenants struct {
	closed sync.Map // uuid.UUID to error
	quotas sync.Map // uuid.UUID to int, of connections
	asked  atomic.Int64
}

func (s *tenants) quota(_ context.Context, id uuid.UUID) (int, bool, error) {
	most, bounded := s.quotas.Load(id)
	if !bounded {
		return 0, false, nil
	}
	return most.(int), true, nil
}

func (s *tenants) find(_ context.Context, idOrSlug string) (uuid.UUID, error) {
	s.asked.Add(1)
	known := map[string]uuid.UUID{
		"acme": acme, acme.String(): acme, "other": other, other.String(): other,
		"system": eventstore.SystemTenant, eventstore.SystemTenant.String(): eventstore.SystemTenant,
	}
	id, ok := known[idOrSlug]
	if !ok {
		return uuid.Nil, problem.New(problem.TenantNotFound, "No tenant has this id or slug.")
	}
	if err, closed := s.closed.Load(id); closed {
		return uuid.Nil, err.(error)
	}
	return id, nil
}

// pages are the origins from which tenants may be used: all of them from
// https://app.example.com, one from each that is stored.
type pages struct{ of sync.Map }

func (p *pages) KnowsOrigin(_ context.Context, origin string) (bool, error) {
	_, named := p.of.Load(origin)
	return named || origin == "https://app.example.com", nil
}

func (p *pages) AllowsOrigin(_ context.Context, tenant uuid.UUID, bound bool, origin string) (bool, error) {
	of, named := p.of.Load(origin)
	return origin == "https://app.example.com" || bound && named && of == tenant, nil
}

func (e *env) headsOf(ctx context.Context, tenants []uuid.UUID) (heads []eventstore.Head, err error) {
	for _, id := range tenants {
		head, err := e.store.Head(ctx, id)
		if err != nil {
			return nil, err
		}
		heads = append(heads, head)
	}
	return heads, nil
}

// orders is a read model: the number of changes of each order.
func (e *env) orders(ctx context.Context, tenant uuid.UUID, _ int) (rows []json.RawMessage, position int64, err error) {
	for {
		page, err := e.store.ReadLog(ctx, tenant, eventstore.LogQuery{After: position})
		if err != nil {
			return nil, 0, err
		}
		for _, event := range page.Events {
			position = event.Position
			rows = append(rows, json.RawMessage(fmt.Sprintf(`{"position":%d,"padding":%q}`, position, strings.Repeat("x", 400))))
		}
		if page.Done {
			return rows, position, nil
		}
	}
}

// commit appends n events to one order and returns the head.
func (e *env) commit(tenant uuid.UUID, order string, n int, padding int) int64 {
	e.t.Helper()
	a := eventstore.Append{TenantID: tenant, Metadata: eventstore.Metadata{Actor: "ada"}}
	w := eventstore.StreamWrite{Stream: eventstore.Stream{Type: "order", ID: order}, Expected: eventstore.AnyVersion}
	data := json.RawMessage(fmt.Sprintf(`{"padding":%q}`, strings.Repeat("x", padding)))
	for range n {
		w.Events = append(w.Events, eventstore.NewEvent{ID: uuid.New(), Type: "order.changed", SchemaVersion: 1, Data: data})
	}
	a.Writes = []eventstore.StreamWrite{w}
	done, err := e.store.Append(context.Background(), a)
	require.NoError(e.t, err)
	return done.Position
}

// client is a websocket of a test.
type client struct {
	*websocket.Conn
	t testing.TB
}

// frame is any frame of the server.
type frame struct {
	Type, ID, Connection, Tenant, Actor, Channel, Code, Detail string

	ExpiresAt    string `json:"expires_at"`
	Position     int64
	Positions    map[string]int64
	RetryIn      int `json:"retry_in"`
	Errors       []ws.FieldError
	Rows         []json.RawMessage
	Events       []event
	Members      []ws.PresenceMember
	Joined, Left *ws.PresenceMember
	From         ws.PresenceMember
	Data         json.RawMessage
}

// event is what the tests look at of a CloudEvent.
type event struct {
	Position int64  `json:"tansuposition,string"`
	Stream   string `json:"tansustreamid"`
	Type     string
}

// dial opens a socket without saying anything.
func (e *env) dial(headers ...string) *client {
	e.t.Helper()
	c, _, err := e.tryDial("", headers...)
	require.NoError(e.t, err)
	return c
}

func (e *env) tryDial(query string, headers ...string) (*client, *http.Response, error) {
	header := http.Header{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		header.Add(name, value)
	}
	dialer := websocket.Dialer{Subprotocols: []string{ws.Subprotocol}, HandshakeTimeout: timeout}
	socket, res, err := dialer.Dial("ws"+strings.TrimPrefix(e.http.URL, "http")+"/v1/ws"+query, header)
	if err != nil {
		return nil, res, err
	}
	c := &client{socket, e.t}
	e.t.Cleanup(func() { _ = socket.Close() })
	return c, res, nil
}

// connect opens a socket on the tenant acme.
func (e *env) connect(token string) *client {
	e.t.Helper()
	c := e.dial()
	c.say(`{"type":"connect","token":"` + token + `","tenant":"acme"}`)
	c.expect("connected")
	return c
}

// deafen makes the client's kernel take little that the client does not read.
func (c *client) deafen() {
	c.t.Helper()
	require.NoError(c.t, c.NetConn().(*net.TCPConn).SetReadBuffer(16<<10))
}

// listen undoes deafen.
func (c *client) listen() {
	c.t.Helper()
	require.NoError(c.t, c.NetConn().(*net.TCPConn).SetReadBuffer(1<<20))
}

func (c *client) say(frame string) {
	c.t.Helper()
	require.NoError(c.t, c.WriteMessage(websocket.TextMessage, []byte(frame)))
}

func (c *client) read() (frame, error) {
	var f frame
	_ = c.SetReadDeadline(time.Now().Add(timeout))
	_, message, err := c.ReadMessage()
	if err == nil {
		err = json.Unmarshal(message, &f)
	}
	return f, err
}

// expect reads one frame of a type.
func (c *client) expect(kind string) frame {
	c.t.Helper()
	f, err := c.read()
	require.NoError(c.t, err, "expected %s", kind)
	require.Equal(c.t, kind, f.Type, "%+v", f)
	return f
}

// ends reads until the connection ends and returns the close code, and the frames
// before it.
func (c *client) ends(code int) (last []frame) {
	c.t.Helper()
	for {
		f, err := c.read()
		if err == nil {
			last = append(last, f)
			continue
		}
		var closed *websocket.CloseError
		require.ErrorAs(c.t, err, &closed)
		require.Equal(c.t, code, closed.Code, closed.Text)
		return last
	}
}

// subscribe opens a subscription and returns where it begins.
func (c *client) subscribe(id, from string) int64 {
	c.t.Helper()
	c.say(`{"type":"subscribe","id":"` + id + `","from":` + from + `}`)
	return c.expect("subscribed").Position
}

// until reads events up to a position and returns their positions.
func (c *client) until(position int64) (delivered []int64) {
	c.t.Helper()
	for {
		f, err := c.read()
		require.NoError(c.t, err)
		if f.Type == "lagged" {
			continue
		}
		require.Equal(c.t, "events", f.Type, "%+v", f)
		for _, e := range f.Events {
			delivered = append(delivered, e.Position)
		}
		if f.Position >= position {
			return delivered
		}
	}
}

func sequence(from, to int64) (all []int64) {
	for p := from; p <= to; p++ {
		all = append(all, p)
	}
	return all
}
