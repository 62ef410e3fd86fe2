package feed

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"
)

// Topic selects events; empty fields select all.
type Topic struct {
	StreamType string `json:"stream_type,omitempty"`
	StreamID   string `json:"stream_id,omitempty"`
	Type       string `json:"type,omitempty"`
	Actor      string `json:"actor,omitempty"`
}

// Subscription says which events to deliver, and from where.
type Subscription struct {
	// Topics: an event is delivered if one of them selects it. None: all events.
	Topics []Topic
	// Filter is an expression that an event must satisfy as well, such as
	// data.total > 100.
	Filter string
	// From is where to begin: [After], [Now] or [Snapshot]. The zero value is the
	// beginning of the log.
	From From
	// Coalesce delivers only the newest event of each stream while the loop is
	// behind.
	Coalesce bool

	// OnSubscribed, if set, is called in the loop's goroutine whenever the server
	// has taken the subscription: from then on nothing selected above position can
	// be missed.
	OnSubscribed func(position int64)
	// OnDisconnected, if set, is called in the loop's goroutine whenever a
	// connection is lost or cannot be made, before it is tried again.
	OnDisconnected func(err error)
}

// From is where a subscription begins.
type From struct {
	after int64
	now   bool
	model string
	rows  func(rows []json.RawMessage, position int64) error
}

// After begins after the last position already seen; 0 is the beginning.
func After(position int64) From { return From{after: position} }

// Now begins with what comes after the subscription was taken.
func Now() From { return From{now: true} }

// Snapshot begins with the rows of a read model, as its list serves them, and
// goes on with every selected event after the position at which they stand. rows
// is called once, in the loop's goroutine and before the first event; an error of
// it ends the subscription.
func Snapshot(model string, rows func(rows []json.RawMessage, position int64) error) From {
	return From{model: model, rows: rows}
}

// Batch is what the server sent at once: the events up to a position, in order.
type Batch struct {
	Events []Event // perhaps none: then only the position moved
	// Position: everything selected up to here has been delivered. To resume,
	// subscribe after it.
	Position int64
}

// Subscribe yields the events of a subscription as they come, until the loop is
// left, ctx ends or the server refuses for good. The last pair has the error,
// ctx's own if that ended.
func (c *Client) Subscribe(ctx context.Context, s Subscription) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for batch, err := range c.Batches(ctx, s) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range batch.Events {
				if ctx.Err() != nil {
					yield(Event{}, ctx.Err())
					return
				}
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// Batches is Subscribe for those who handle many events in one transaction, or
// want to remember the position also while nothing selected happens.
func (c *Client) Batches(ctx context.Context, s Subscription) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		r := &reader{client: c, subscription: s, begun: !s.From.now && s.From.model == "", position: s.From.after}
		if err := r.run(ctx, yield); !errors.Is(err, errBroken) {
			yield(Batch{}, err)
		}
	}
}

// errBroken: the loop's body ended the loop.
var errBroken = errors.New("the loop was left")

// reader takes a subscription through its connections.
type reader struct {
	client       *Client
	subscription Subscription
	begun        bool  // position is where to resume; else begin as From says
	position     int64 // last one seen
	failures     int   // connections in a row that did not get as far as subscribed
}

func (r *reader) run(ctx context.Context, yield func(Batch, error) bool) error {
	for {
		err := r.connection(ctx, yield)
		cut, temporary := errors.AsType[*interruption](err)
		switch {
		case errors.Is(err, errBroken):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !temporary:
			if refused, ok := errors.AsType[*Error](err); ok {
				refused.Position = r.position
			}
			return err
		}
		wait := pause(r.failures)
		if cut.retryIn > 0 {
			wait = min(cut.retryIn, longestAsk)
		}
		r.failures++
		r.client.logger().InfoContext(ctx, "feed: connection lost", "position", r.position, "retry_in", wait, "error", cut.err)
		if r.subscription.OnDisconnected != nil {
			r.subscription.OnDisconnected(cut.err)
		}
		sleep(ctx, wait)
	}
}

// connection delivers over one connection until it ends.
func (r *reader) connection(ctx context.Context, yield func(Batch, error) bool) error {
	conn, err := r.client.open(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	if err := conn.send(r.subscribe()); err != nil {
		return err
	}
	d := delivery{reader: r, yield: yield}
	for {
		f, err := conn.read()
		if cut, ok := errors.AsType[*interruption](err); ok && !d.closing.IsZero() {
			cut.retryIn = max(time.Until(d.closing), 1)
		}
		if err != nil {
			return err
		}
		if f.Type == "expiring" {
			err = conn.refresh()
		} else {
			err = d.take(ctx, f)
		}
		if err != nil {
			return err
		}
	}
}

// subscriptionID on a connection that has no other.
const subscriptionID = "feed"

func (r *reader) subscribe() subscribeFrame {
	s := r.subscription
	f := subscribeFrame{Type: "subscribe", ID: subscriptionID, Topics: s.Topics, Filter: s.Filter, Coalesce: s.Coalesce}
	if r.begun {
		f.From.After = &r.position
	} else {
		f.From.Now, f.From.Snapshot = s.From.now, s.From.model
	}
	return f
}

// complete reports whether every event is delivered, so that their positions
// have no holes.
func (s *Subscription) complete() bool { return len(s.Topics) == 0 && s.Filter == "" && !s.Coalesce }
