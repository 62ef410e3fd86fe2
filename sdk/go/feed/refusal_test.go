package feed_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/sdk/go/feed"
)

func TestARefusalEndsTheSubscriptionAndSaysWhere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script func(*peer)
		want   feed.Error
	}{
		"a bad filter": {
			func(p *peer) {
				p.accept("t")
				p.expect(`{"type":"subscribe","id":"feed","from":{"after":7}}`)
				p.send(`{"type":"error","id":"feed","code":"filter_invalid","detail":"Close the string.",` +
					`"errors":[{"pointer":"/filter","code":"syntax","message":"at 4: no end"}]}`)
				p.expectClose()
			},
			feed.Error{
				Code: "filter_invalid", Detail: "Close the string.", Position: 7,
				Fields: []feed.FieldError{{Pointer: "/filter", Code: "syntax", Message: "at 4: no end"}},
			},
		},
		"a right taken away": {
			func(p *peer) {
				p.subscribe(7)
				p.events(8, 9)
				p.send(`{"type":"unsubscribed","id":"feed","code":"forbidden","detail":"The right events.read was taken away."}`)
				p.expectClose()
			},
			feed.Error{Code: "forbidden", Detail: "The right events.read was taken away.", Position: 9},
		},
		"a wrong token": {
			func(p *peer) {
				p.expect(`{"type":"connect","token":"t","tenant":"acme"}`)
				p.send(`{"type":"error","code":"unauthorized","detail":"Send the operator token."}`)
				p.closeWith(4401, "unauthorized")
			},
			feed.Error{Code: "unauthorized", Detail: "Send the operator token.", Position: 7},
		},
		"a wrong token, said by the close code alone": {
			func(p *peer) { p.closeWith(4401, "unauthorized") },
			feed.Error{Code: "unauthorized", Detail: "The server closed the connection (4401).", Position: 7},
		},
		"a suspended tenant": {
			func(p *peer) {
				p.subscribe(7)
				p.send(`{"type":"closing","code":"tenant_suspended","retry_in":0,"positions":{"feed":7}}`)
				p.closeWith(4403, "tenant_suspended")
			},
			feed.Error{Code: "tenant_suspended", Detail: "The server closed the connection (4403).", Position: 7},
		},
		"a frame that the server does not understand": {
			func(p *peer) {
				p.accept("t")
				p.closeWith(4400, "")
			},
			feed.Error{Code: "closed", Detail: "The server closed the connection (4400).", Position: 7},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := collect(t, client(serve(t, test.script)), feed.Subscription{From: feed.After(7)}, 0)
			require.Equal(t, &test.want, err)
			require.Contains(t, err.Error(), test.want.Code)
		})
	}
}

func TestNonsenseEndsTheSubscription(t *testing.T) {
	t.Parallel()
	for _, nonsense := range []string{`hello`, `{"type":"events","id":"feed","position":1,"events":[{"id":"e1"}]}`} {
		_, err := collect(t, client(serve(t, func(p *peer) {
			p.subscribe(0)
			p.send("%s", nonsense)
			p.expectClose()
		})), feed.Subscription{}, 0)
		require.ErrorContains(t, err, "no frame of tansu.v1")
	}
}

func TestTemporaryRefusalsAreTriedAgain(t *testing.T) {
	t.Parallel()
	url := serve(t,
		func(p *peer) {
			p.accept("t")
			p.expect(`{"type":"subscribe","id":"feed","from":{"after":0}}`)
			p.send(`{"type":"error","id":"feed","code":"too_many_subscriptions","detail":"Wait.","retry_in":5}`)
			p.expectClose()
		},
		func(p *peer) { p.closeWith(4429, "too_many_connections") },
		func(p *peer) {
			p.subscribe(0)
			p.events(1)
			p.send(`{"type":"closing","code":"too_slow","retry_in":7,"positions":{"feed":1}}`)
			p.closeWith(4409, "too_slow")
		},
		func(p *peer) {
			p.subscribe(1)
			p.events(2)
			p.send(`{"type":"unsubscribed","id":"feed","code":"unavailable"}`)
			p.expectClose()
		},
		func(p *peer) {
			p.subscribe(2)
			p.events(3)
			p.expectClose()
		},
	)
	positions, err := collect(t, client(url), feed.Subscription{}, 3)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2, 3}, positions)
}

func TestAClosingServerSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	const asked = 300 * time.Millisecond
	var announced, back time.Time
	url := serve(t,
		func(p *peer) {
			p.subscribe(0)
			announced = time.Now()
			p.send(`{"type":"closing","code":"shutdown","retry_in":%d}`, asked.Milliseconds())
			p.events(1) // what was on its way still comes
			p.closeWith(1012, "")
		},
		func(p *peer) {
			back = time.Now()
			p.subscribe(1)
			p.events(2)
			p.expectClose()
		},
	)
	positions, err := collect(t, client(url), feed.Subscription{}, 2)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, positions)
	require.GreaterOrEqual(t, back.Sub(announced), asked)
}

func TestAnExpiringTokenIsRefreshed(t *testing.T) {
	t.Parallel()
	url := serve(t,
		func(p *peer) {
			p.accept("t1")
			p.expect(`{"type":"subscribe","id":"feed","from":{"after":0}}`)
			p.send(`{"type":"subscribed","id":"feed","position":0}`)
			p.send(`{"type":"expiring","expires_at":"2026-01-31T12:00:00Z"}`) // the source fails: the old one goes on
			p.send(`{"type":"expiring","expires_at":"2026-01-31T12:00:00Z"}`)
			p.expect(`{"type":"refresh","token":"t3"}`)
			p.send(`{"type":"error","code":"principal_mismatch","detail":"Somebody else's."}`) // and the old one still goes on
			p.events(1)
			p.closeWith(4401, "token_expired")
		},
		func(p *peer) { // token 4 could not be had for this connection, hence t5
			p.accept("t5")
			p.expect(`{"type":"subscribe","id":"feed","from":{"after":1}}`)
			p.send(`{"type":"subscribed","id":"feed","position":1}`)
			p.events(2)
			p.expectClose()
		},
	)
	asked := 0
	c := &feed.Client{URL: url, Tenant: "acme", Token: func(context.Context) (string, error) {
		if asked++; asked%2 == 0 {
			return "", errors.New("the identity provider is away")
		}
		return fmt.Sprint("t", asked), nil
	}}
	positions, err := collect(t, c, feed.Subscription{}, 2)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, positions)
}

func TestHandshakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    feed.Error
	}{
		"a problem": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"code":"tenant_not_found","detail":"Check the sub-domain.","status":404}`)
		}, feed.Error{Code: "tenant_not_found", Detail: "Check the sub-domain.", Status: 404}},
		"another server": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusOK) }, feed.Error{
			Code: "bad_handshake", Detail: "The server answered 200 OK; check that the URL is that of a Tansu server.", Status: 200,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(test.handler)
			defer srv.Close()
			_, err := collect(t, client(srv.URL), feed.Subscription{}, 0)
			require.Equal(t, &test.want, err)
		})
	}
}

func TestAServerThatIsAwayIsTriedAgain(t *testing.T) {
	t.Parallel()
	url := serve(t, nil, func(p *peer) {
		p.subscribe(0)
		p.events(1)
		p.expectClose()
	})
	var tries atomic.Int32
	c := client(url)
	c.Dialer = &websocket.Dialer{NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if tries.Add(1) == 1 {
			address = "127.0.0.1:1" // nobody listens there
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	positions, err := collect(t, c, feed.Subscription{}, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, positions)
	require.EqualValues(t, 3, tries.Load())
}

func TestBadAddressesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "tansu.example.com", "ftp://tansu.example.com", "https://", "https://user:secret@tansu.example.com", "https://tansu.example.com?token=x"} {
		_, err := collect(t, client(url), feed.Subscription{}, 0)
		require.ErrorContains(t, err, "URL", url)
		require.NotContains(t, err.Error(), "secret")
	}
}
