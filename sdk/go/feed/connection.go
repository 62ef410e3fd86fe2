package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	handshakeTimeout = 15 * time.Second // from dialling to connected
	writeTimeout     = 10 * time.Second
	maxSilence       = 75 * time.Second // three of the server's pings
	maxFrame         = 16 << 20
)

// connection is an accepted connection, which lasts no longer than the context
// that it was opened with. One goroutine reads it; any may send.
type connection struct {
	ws      *websocket.Conn
	id      string
	refresh func() error // gives the server a new token before the old one expires
	detach  func() bool  // from the context

	sending sync.Mutex
}

// open dials and presents the token.
func (c *Client) open(ctx context.Context) (_ *connection, err error) {
	address, err := c.address()
	if err != nil {
		return nil, err
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, &interruption{err: err}
	}
	dialer := *websocket.DefaultDialer
	if c.Dialer != nil {
		dialer = *c.Dialer
	}
	dialer.Subprotocols = []string{subprotocol}
	dialCtx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	ws, resp, err := dialer.DialContext(dialCtx, address, nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		return nil, refusedHandshake(resp)
	}
	if err != nil {
		return nil, &interruption{err: err}
	}
	conn := &connection{ws: ws, detach: context.AfterFunc(ctx, func() { _ = ws.Close() })}
	conn.refresh = func() error { return c.refresh(ctx, conn) }
	defer func() {
		if err != nil {
			conn.close()
		}
	}()
	if ws.Subprotocol() != subprotocol {
		return nil, &Error{Code: "bad_handshake", Detail: "The server does not speak " + subprotocol + "; it may be too old."}
	}
	ws.SetReadLimit(maxFrame)
	pong := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		return errors.Join(ws.SetReadDeadline(time.Now().Add(maxSilence)), pong(data))
	})
	return conn, conn.present(token, c.Tenant)
}

// present sends the first frame and waits until the server accepts it.
func (c *connection) present(token, tenant string) error {
	if err := c.send(connectFrame{Type: "connect", Token: token, Tenant: tenant}); err != nil {
		return err
	}
	for deadline := time.Now().Add(handshakeTimeout); ; {
		f, err := c.readUntil(deadline, false)
		if err != nil {
			return err
		}
		switch f.Type {
		case "connected":
			c.id = f.Connection
			return nil
		case "error":
			return refusal(f)
		}
	}
}

func (c *connection) send(frame any) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	if err := c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return &interruption{err: err}
	}
	if err := c.ws.WriteJSON(frame); err != nil {
		return &interruption{err: err}
	}
	return nil
}

// read waits for the next frame as long as the server shows that it lives.
func (c *connection) read() (*frame, error) {
	return c.readUntil(time.Now().Add(maxSilence), true)
}

func (c *connection) readUntil(deadline time.Time, accepted bool) (*frame, error) {
	if err := c.ws.SetReadDeadline(deadline); err != nil {
		return nil, lost(err, accepted)
	}
	_, message, err := c.ws.ReadMessage()
	if err != nil {
		return nil, lost(err, accepted)
	}
	var f frame
	if err := json.Unmarshal(message, &f); err != nil {
		return nil, fmt.Errorf("feed: the server sent what is no frame of %s: %w", subprotocol, err)
	}
	return &f, nil
}

func (c *Client) refresh(ctx context.Context, conn *connection) error {
	token, err := c.token(ctx)
	if err != nil {
		// The old one is good for a little longer; then a new connection asks again.
		c.logger().WarnContext(ctx, "feed: no new token", "error", err)
		return nil
	}
	return conn.send(refreshFrame{Type: "refresh", Token: token})
}

// close says good-bye, without waiting for the answer.
func (c *connection) close() {
	c.detach()
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_ = c.ws.Close()
}
