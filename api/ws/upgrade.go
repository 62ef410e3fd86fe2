package ws

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"tansu.cloud/api/bounds"
	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
)

// Sizes of a socket. Its write buffer is borrowed for the time of a write.
const (
	maxMessage   = 64 << 10
	readBuffer   = 128 // holds control frames; longer messages are read past it
	writeBuffer  = 4 << 10
	socketBuffer = 256 << 10 // of the kernel: what a reader may leave untaken before it stalls
)

var upgrader = websocket.Upgrader{
	HandshakeTimeout: 10 * time.Second,
	ReadBufferSize:   readBuffer,
	WriteBufferSize:  writeBuffer,
	WriteBufferPool:  &sync.Pool{},
	Subprotocols:     []string{Subprotocol},
	CheckOrigin:      func(*http.Request) bool { return true }, // checked before
	Error: func(w http.ResponseWriter, r *http.Request, _ int, reason error) {
		middleware.Refuse(w, r, problem.New(problem.HandshakeInvalid, "Not a websocket handshake; use a client library. "+reason.Error()))
	},
}

// ServeHTTP upgrades to a websocket. It returns at once, so that nothing of the
// HTTP server's stays behind.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := s.checkHandshake(r); p != nil {
		middleware.Refuse(w, r, p)
		return
	}
	s.mu.Lock()
	draining := s.draining
	s.mu.Unlock()
	if draining {
		middleware.Refuse(w, r, problem.New(problem.Unavailable, "The server shuts down.").WithHeader("Retry-After", "1"))
		return
	}
	header := http.Header{}
	if id := middleware.From(r.Context()).RequestID; id != "" {
		header.Set("X-Request-Id", id)
	}
	socket, err := upgrader.Upgrade(w, r, header)
	if err != nil {
		return // answered, or the client went away
	}
	if tcp, ok := socket.NetConn().(interface{ SetWriteBuffer(int) error }); ok {
		_ = tcp.SetWriteBuffer(socketBuffer) // only a bound
	}
	c := newConn(s, socket, r)
	if !s.enter(c) {
		c.cancel()
		_ = socket.Close()
		return
	}
	s.counters.connections.Add(1)
	c.listen()
}

func (s *Server) checkHandshake(r *http.Request) *problem.Problem {
	query := r.URL.Query()
	if query.Has("token") || query.Has("access_token") {
		return problem.New(problem.TokenInURL, "Send the token in the connect frame, never in a URL; revoke the one that was sent.")
	}
	if !websocket.IsWebSocketUpgrade(r) {
		return problem.New(problem.UpgradeRequired, "Connect with a websocket client, or use GET /v1/feed.").
			WithHeader("Upgrade", "websocket").WithHeader("Connection", "Upgrade")
	}
	if !slices.Contains(websocket.Subprotocols(r), Subprotocol) {
		return problem.New(problem.HandshakeInvalid, "Ask for the subprotocol "+Subprotocol+".")
	}
	if origin := bounds.CrossOrigin(r); origin != "" {
		known, err := s.Origins.KnowsOrigin(r.Context(), origin)
		switch {
		case err != nil:
			return problem.From(err)
		case !known:
			return problem.New(problem.OriginForbidden, forbiddenOrigin)
		}
	}
	return nil
}

const forbiddenOrigin = "Pages of this origin may not use the tenant; have its administrator add the origin, or serve the page from this host."

// checkOrigin is for when it is known whose credentials a page has.
func (s *Server) checkOrigin(ctx context.Context, tenant uuid.UUID, bound bool, origin string) error {
	if origin == "" {
		return nil
	}
	allowed, err := s.Origins.AllowsOrigin(ctx, tenant, bound, origin)
	if err == nil && !allowed {
		err = problem.New(problem.OriginForbidden, forbiddenOrigin)
	}
	return err
}
