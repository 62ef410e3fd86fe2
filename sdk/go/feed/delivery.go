package feed

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// maxSnapshot bounds what is kept of a snapshot until it is whole.
const maxSnapshot = 256 << 20

// delivery is what one connection delivers to a reader.
type delivery struct {
	*reader
	yield      func(Batch, error) bool
	subscribed bool
	rows       []json.RawMessage // of a snapshot that is not whole yet
	size       int               // of rows
	closing    time.Time         // when to come back, if the server said that it closes
}

func (d *delivery) take(ctx context.Context, f *frame) error {
	switch f.Type {
	case "snapshot":
		return d.keep(f.Rows)
	case "subscribed":
		return d.begin(f.Position)
	case "events":
		return d.deliver(f)
	case "lagged":
		d.client.logger().DebugContext(ctx, "feed: the loop is behind and reads the log", "position", f.Position)
	case "closing":
		if f.RetryIn > 0 {
			d.closing = time.Now().Add(time.Duration(f.RetryIn) * time.Millisecond)
		}
	case "unsubscribed":
		return refusal(f)
	case "error":
		if f.ID == subscriptionID || !d.subscribed {
			return refusal(f)
		}
		// A new token was refused; the old one goes on until it expires.
		d.client.logger().WarnContext(ctx, "feed: refused", "code", f.Code, "detail", f.Detail)
	}
	return nil
}

func (d *delivery) keep(rows []json.RawMessage) error {
	for _, row := range rows {
		d.size += len(row)
	}
	if d.rows = append(d.rows, rows...); d.size > maxSnapshot {
		return errors.New("feed: the snapshot is larger than 256 MiB")
	}
	return nil
}

// begin notes where delivery begins. A connection that was lost before this
// promised nothing, so the next one begins as this one did.
func (d *delivery) begin(position int64) error {
	if d.begun && position != d.position {
		return &OrderError{Last: d.position, Got: position}
	}
	if from := d.subscription.From; !d.begun && from.rows != nil {
		if err := from.rows(d.rows, position); err != nil {
			return err
		}
	}
	d.rows = nil
	d.begun, d.subscribed, d.position, d.failures = true, true, position, 0
	if d.subscription.OnSubscribed != nil {
		d.subscription.OnSubscribed(position)
	}
	return nil
}

// deliver yields a frame, or as much of it as is in order.
func (d *delivery) deliver(f *frame) error {
	if !d.subscribed {
		return errors.New("feed: the server sent events before it took the subscription")
	}
	last, complete := d.position, d.subscription.complete()
	var broken error
	batch := Batch{Events: f.Events, Position: f.Position}
	for i, e := range f.Events {
		if e.Position <= last || complete && e.Position != last+1 {
			broken, batch.Events = &OrderError{Last: last, Got: e.Position}, f.Events[:i]
			break
		}
		last = e.Position
	}
	if broken == nil && (f.Position < last || complete && f.Position != last) {
		broken = &OrderError{Last: last, Got: f.Position}
	}
	if broken != nil {
		batch.Position = last
	}
	d.position = batch.Position
	if (broken == nil || len(batch.Events) > 0) && !d.yield(batch, nil) {
		return errBroken
	}
	return broken
}
