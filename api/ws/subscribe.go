package ws

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"tansu.cloud/api/problem"
	"tansu.cloud/projections/feeds"
)

const (
	maxSubscriptions = 100 // of a connection
	snapshotPatience = 5 * time.Second
)

// subscription is a feed on a connection. Once it is open its cursor belongs to
// the writer.
type subscription struct {
	id      string
	cursor  *feeds.Cursor
	due     atomic.Bool // the cursor may have more
	release func()      // of the quotas
	rows    func()      // gives the place of a snapshot back; nil without one

	ended *Unsubscribed // under conn.mu; why it ends

	told   atomic.Int64 // the position as the client knows it; below 0 before subscribed
	toldAt atomic.Int64 // Unix milliseconds

	// Of the writer.
	retryAt time.Time
	failing bool
}

// unannounced is told before subscribed.
const unannounced = -1

// tell notes what the client knows now.
func (s *subscription) tell(position int64, now time.Time) {
	s.told.Store(position)
	s.toldAt.Store(now.UnixMilli())
}

// untold reports whether it is time to tell a position without events. The
// position moves by itself over what is not selected.
func (s *subscription) untold(now time.Time, every time.Duration) bool {
	told := s.told.Load()
	moved := s.cursor.Position() - told
	return told != unannounced && moved > 0 && (moved >= maxUntold || now.UnixMilli()-s.toldAt.Load() >= every.Milliseconds())
}

func (c *conn) subscribe(ctx context.Context, f *Subscribe) error {
	p := c.session.Load().principal.Load()
	if !p.may(c.tenant, PermissionEvents) {
		return problem.New(problem.Forbidden, "This needs the permission "+PermissionEvents+".")
	}
	c.mu.Lock()
	exists, count := c.find(f.ID) != nil, len(c.subs)
	c.mu.Unlock()
	if exists {
		return problem.New(problem.SubscriptionExists, "Use another id, or unsubscribe first.")
	}
	if count >= maxSubscriptions {
		return problem.New(problem.TooManySubscriptions, "A connection has at most 100 subscriptions; give one of them several topics.")
	}
	release, ok := c.server.hold(ctx, &c.payer.subscriptions)
	if !ok {
		return &refusal{code: problem.TooManySubscriptions, detail: "The tenant or the principal has as many as it may.", retryIn: milliseconds(tooManyRetry)}
	}
	sub := &subscription{id: f.ID, release: release}
	sub.told.Store(unannounced)
	if f.From.Snapshot != "" {
		if sub.rows = c.server.takeSnapshotPlace(ctx); sub.rows == nil {
			release()
			return &refusal{code: problem.Unavailable, detail: "Too many snapshots are being sent.", retryIn: 1000}
		}
	}
	c.server.counters.subscriptions.Add(1)
	cursor, err := c.server.Hub.Open(ctx, c.tenant, specOf(f), func() { c.news(sub) })
	if err != nil {
		sub.close(c.server)
		if errors.Is(err, feeds.ErrStopped) {
			c.end(closeRestart, problem.Shutdown, time.Second)
		}
		return openProblem(err)
	}
	sub.cursor = cursor
	sub.due.Store(true)
	c.mu.Lock()
	c.subs = append(c.subs, sub)
	c.mu.Unlock()
	c.wake()
	return nil
}

// find returns the subscription of an id that has not ended. Under mu.
func (c *conn) find(id string) *subscription {
	i := slices.IndexFunc(c.subs, func(s *subscription) bool { return s.id == id && s.ended == nil })
	if i < 0 {
		return nil
	}
	return c.subs[i]
}

// unsubscribe leaves it to the writer to close the subscription, so that nothing
// of it follows the answer.
func (c *conn) unsubscribe(f *Unsubscribe) error {
	c.mu.Lock()
	sub := c.find(f.ID)
	if sub != nil {
		sub.ended = &Unsubscribed{Type: "unsubscribed", ID: f.ID}
	}
	c.mu.Unlock()
	if sub == nil {
		return problem.New(problem.SubscriptionUnknown, "The connection has no subscription of this id.")
	}
	c.wake()
	return nil
}

// endSubscriptions ends all of them from this side.
func (c *conn) endSubscriptions(code problem.Code, detail string) {
	c.mu.Lock()
	for _, sub := range c.subs {
		if sub.ended == nil {
			sub.ended = &Unsubscribed{Type: "unsubscribed", ID: sub.id, Code: string(code), Detail: detail}
		}
	}
	any := len(c.subs) > 0
	c.mu.Unlock()
	if any {
		c.wake()
	}
}

func (s *subscription) close(server *Server) {
	if s.cursor != nil {
		s.cursor.Close()
	}
	if s.rows != nil {
		s.rows()
	}
	s.release()
	server.counters.subscriptions.Add(-1)
}

// takeSnapshotPlace waits for one; nil if there is none for too long.
func (s *Server) takeSnapshotPlace(ctx context.Context) (release func()) {
	patience := time.NewTimer(snapshotPatience)
	defer patience.Stop()
	select {
	case s.snapshot <- struct{}{}:
		return func() { <-s.snapshot }
	case <-patience.C:
	case <-ctx.Done():
	}
	return nil
}

func specOf(f *Subscribe) feeds.Spec {
	spec := feeds.Spec{Topics: f.Topics, Filter: f.Filter, Coalesce: f.Coalesce, FromNow: f.From.Now, FromSnapshot: f.From.Snapshot}
	if f.From.After != nil {
		spec.After = *f.From.After
	}
	return spec
}

// openProblem is why the hub did not open a cursor. Pointers are those of the
// subscribe frame.
func openProblem(err error) error {
	var wrong *feeds.SpecError
	switch {
	case errors.As(err, &wrong):
		return specProblem(wrong)
	case errors.Is(err, feeds.ErrAhead):
		return problem.New(problem.PositionAhead, "The log does not reach this position: it is not the one that was followed, or was restored; read it again from 0 or a snapshot.").
			WithErrors(problem.FieldError{Pointer: "/from/after", Code: "too_large", Message: "must be a position of the log"})
	case errors.Is(err, feeds.ErrUnknownSnapshot):
		return problem.New(problem.SnapshotUnknown, "No read model of this name can be followed.").
			WithErrors(problem.FieldError{Pointer: "/from/snapshot", Code: "not_allowed", Message: "must name a read model that can be followed"})
	case errors.Is(err, feeds.ErrSnapshotTooLarge):
		return problem.New(problem.SnapshotTooLarge, "Page through the list and subscribe after its Tansu-Position.").
			WithErrors(problem.FieldError{Pointer: "/from/snapshot", Code: "too_large", Message: "has too many rows"})
	case errors.Is(err, feeds.ErrStopped):
		return problem.New(problem.Unavailable, "The server shuts down.").WithHeader("Retry-After", "1")
	}
	return err
}

// specProblem has the code of the filter if nothing else is wrong.
func specProblem(wrong *feeds.SpecError) *problem.Problem {
	p := problem.New(problem.FilterInvalid, "The filter cannot be understood; errors says where and how to put it right.")
	for _, e := range wrong.Problems {
		if e.Pointer != "/filter" {
			p = problem.New(problem.FrameInvalid, "The frame is not as it must be; errors points at the fields.")
		}
	}
	for _, e := range wrong.Problems {
		p.WithErrors(problem.FieldError{Pointer: e.Pointer, Code: e.Code, Message: e.Message})
	}
	return p
}
