package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/gorilla/websocket"
)

// subprotocol that this package speaks; docs/protocol.md describes it.
const subprotocol = "tansu.v1"

// Client connects to one server as one principal. It may be used by many
// goroutines, and must not be changed after its first use.
type Client struct {
	// URL of the server, such as https://tansu.example.com; ws and wss are
	// understood too.
	URL string
	// Token returns the access token. It is asked for one at each connection and
	// when a token is about to expire; an error counts as a lost connection.
	Token func(context.Context) (string, error)
	// Tenant is whose log and channels: an id or a slug. Empty: as the host name
	// says, else the system tenant.
	Tenant string
	// Dialer makes connections; nil: websocket.DefaultDialer. Its subprotocols are
	// ignored.
	Dialer *websocket.Dialer
	// Logger hears of lost connections; nil: nobody does.
	Logger *slog.Logger
}

// StaticToken is a [Client.Token] that never changes.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

func (c *Client) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

func (c *Client) token(ctx context.Context) (string, error) {
	if c.Token == nil {
		return "", nil
	}
	token, err := c.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("get a token: %w", err)
	}
	return token, nil
}

// address of the server's websocket.
func (c *Client) address() (string, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "", fmt.Errorf("the server's URL: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("the server's URL %q must begin with https:// or http://", u.Redacted())
	}
	if u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", errors.New("the server's URL must be a scheme, a host and perhaps a path")
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/ws"
	return u.String(), nil
}
