package ws

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/projections/feeds"
)

// Reader is who takes a feed over plain HTTP.
type Reader struct {
	Token  string
	Tenant uuid.UUID
	Origin string // of the page that reads; empty if it is ours, or none
	Cut    func() // ends a write that hangs
}

// Feed is a cursor that ends with the rights of its reader, and when the server
// drains. It counts as a connection.
type Feed struct {
	*feeds.Cursor
	server  *Server
	session *session
	tenant  uuid.UUID
	origin  string
	payer   *payer
	debt    int // bytes sent and not paid for
	release func()
	cutOff  func()

	cutAt  atomic.Int64 // Unix milliseconds; when patience with a write that hangs ends
	once   sync.Once
	ended  chan struct{}
	reason Closing // once ended is closed
}

// Open opens a feed. Errors are problems; their pointers are those of the
// subscribe frame. wake is called, from any goroutine, whenever Next may have more.
func (s *Server) Open(ctx context.Context, r Reader, spec feeds.Spec, wake func()) (*Feed, error) {
	session, err := s.authenticate(ctx, r.Token, r.Tenant.String())
	if err != nil {
		return nil, err
	}
	f := &Feed{
		server: s, session: session, tenant: r.Tenant, origin: r.Origin, payer: s.payerOf(session, r.Tenant),
		cutOff: r.Cut, ended: make(chan struct{}),
	}
	release, ok, err := s.holdConnection(ctx, f.payer, r.Tenant)
	if err != nil {
		s.sessions.release(session)
		return nil, err
	}
	if !ok {
		s.sessions.release(session)
		return nil, problem.New(problem.TooManyConnections, tooManyConnections).
			WithHeader("Retry-After", "5")
	}
	f.release = release
	if f.Cursor, err = s.Hub.Open(ctx, r.Tenant, spec, wake); err != nil {
		f.giveBack()
		return nil, openProblem(err)
	}
	if !s.enter(f) {
		f.Cursor.Close()
		f.giveBack()
		return nil, problem.New(problem.Unavailable, "The server shuts down.").WithHeader("Retry-After", "1")
	}
	return f, nil
}

// Ended is closed when the reader has to be sent away; Reason says why then.
func (f *Feed) Ended() <-chan struct{} { return f.ended }

// Reason is valid once Ended is closed.
func (f *Feed) Reason() Closing { return f.reason }

// Close gives the feed back. It must be called once.
func (f *Feed) Close() {
	f.Cursor.Close()
	f.giveBack()
	f.server.leave(f)
}

// Pay takes what was sent from the quotas, and waits while they are used up or
// until the feed ends; false if ctx has ended.
func (f *Feed) Pay(ctx context.Context, bytes int) bool {
	for f.debt += bytes; f.debt >= credit; {
		spent, after := f.server.spend(ctx, &f.payer.bytes, f.debt)
		if spent > 0 {
			f.debt -= spent
			continue
		}
		select {
		case <-time.After(after):
		case <-f.ended:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (f *Feed) giveBack() {
	f.release()
	f.server.sessions.release(f.session)
}

func (f *Feed) rights() (*session, uuid.UUID, string) { return f.session, f.tenant, f.origin }

func (f *Feed) judge(p Principal) {
	if !p.may(f.tenant, PermissionEvents) {
		f.end(CloseForbidden, problem.Forbidden, 0)
	}
}

func (f *Feed) end(_ int, reason problem.Code, retryIn time.Duration) {
	f.once.Do(func() {
		f.reason = Closing{Type: "closing", Code: string(reason), RetryIn: milliseconds(retryIn)}
		close(f.ended)
		f.cutAt.Store(time.Now().Add(f.server.times.recheck).UnixMilli())
	})
}

// keep ends the feed with its token, which cannot be refreshed.
func (f *Feed) keep(now time.Time) {
	if f.session.expired(now) {
		f.end(CloseUnauthorized, problem.TokenExpired, 0)
	}
	if at := f.cutAt.Load(); at != 0 && now.UnixMilli() >= at {
		f.cutOff()
	}
}

func (f *Feed) cut() {
	f.end(closeRestart, problem.Shutdown, 0)
	f.cutOff()
}
