package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	firstPause  = 100 * time.Millisecond // before the second attempt to connect
	longestWait = 2 * time.Second        // between attempts
	settled     = 10 * time.Second       // a connection that lasted this long was a good one
	closeTime   = 2 * time.Second
)

// ConnectionConfig says where RabbitMQ is.
type ConnectionConfig struct {
	URL    string       // amqp:// or amqps://
	Name   string       // shown by RabbitMQ beside the connection
	Logger *slog.Logger // default: discards
}

// Connection is a connection to RabbitMQ that is made again whenever it breaks,
// and in the first place.
type Connection struct {
	config ConnectionConfig
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	current *amqp.Connection // nil: away, because of err
	err     error
	blocked string          // why RabbitMQ takes no messages; empty: it does
	tried   bool            // the first attempt has ended
	changed chan struct{}   // closed at a change of the fields above
	flow    context.Context // lives while messages can be sent
	stall   context.CancelCauseFunc
}

// errConnecting is what a connection says before its first attempt has ended.
var errConnecting = errors.New("not connected yet")

// Connect begins to connect and returns at once. An error is an address that
// can never work.
func Connect(c ConnectionConfig) (*Connection, error) {
	if _, err := amqp.ParseURI(c.URL); err != nil { // which repeats the address, password included
		return nil, errors.New("the address of RabbitMQ is not of the form amqp://user:password@host:5672/vhost or amqps://")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Connection{config: c, done: make(chan struct{}), err: errConnecting, changed: make(chan struct{})}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	k.flow, k.stall = context.WithCancelCause(k.ctx)
	go k.run()
	return k, nil
}

// Close ends the connection and everything that was made from it.
func (k *Connection) Close() error {
	k.cancel()
	<-k.done
	return nil
}

// Current returns the connection as it is now, with a context that lives while
// messages can be sent over it; or why they cannot.
func (k *Connection) Current() (*amqp.Connection, context.Context, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.trouble(); err != nil {
		return nil, nil, err
	}
	return k.current, k.flow, nil
}

// trouble says why messages cannot be sent, or nil. The lock is held.
func (k *Connection) trouble() error {
	switch {
	case k.current == nil:
		return fmt.Errorf("RabbitMQ is away: %w", k.err)
	case k.blocked != "":
		return fmt.Errorf("RabbitMQ takes no messages: %s", k.blocked)
	}
	return nil
}

// Wait returns the connection as soon as there is one.
func (k *Connection) Wait(ctx context.Context) (*amqp.Connection, error) {
	for {
		k.mu.Lock()
		current, changed := k.current, k.changed
		k.mu.Unlock()
		if current != nil {
			return current, nil
		}
		select {
		case <-changed:
		case <-k.ctx.Done():
			return nil, k.ctx.Err()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// connected waits for the end of the first attempt and reports whether there is
// a connection now.
func (k *Connection) connected(ctx context.Context) bool {
	for {
		k.mu.Lock()
		tried, current, changed := k.tried, k.current, k.changed
		k.mu.Unlock()
		if tried {
			return current != nil
		}
		select {
		case <-changed:
		case <-k.ctx.Done():
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (k *Connection) run() {
	defer close(k.done)
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, longestWait
	for k.ctx.Err() == nil {
		conn, err := k.dial()
		if err != nil {
			k.away(err)
		} else {
			began := time.Now()
			k.serve(conn)
			if time.Since(began) > settled {
				pause.Reset()
			}
		}
		select {
		case <-time.After(pause.NextBackOff()):
		case <-k.ctx.Done():
		}
	}
	k.away(errors.New("closed"))
}

// serve follows a connection until it breaks or is closed.
func (k *Connection) serve(conn *amqp.Connection) {
	broken := conn.NotifyClose(make(chan *amqp.Error, 1))
	blockings := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	k.set(func() { k.current, k.err, k.blocked = conn, nil, "" })
	k.config.Logger.Info("connected to RabbitMQ", "connection", k.config.Name)
	for {
		select {
		case b, open := <-blockings:
			if !open {
				blockings = nil
				continue
			}
			if b.Active {
				k.config.Logger.Warn("RabbitMQ takes no messages for now", "reason", b.Reason)
			}
			k.set(func() {
				k.blocked = ""
				if b.Active {
					k.blocked = "blocked: " + b.Reason
				}
			})
		case cause := <-broken:
			err := errors.New("the connection was closed")
			if cause != nil {
				err = cause
			}
			k.away(err)
			return
		case <-k.ctx.Done():
			_ = conn.CloseDeadline(time.Now().Add(closeTime)) // it may be broken
			return
		}
	}
}

// away notes that there is no connection, and says so once.
func (k *Connection) away(err error) {
	k.mu.Lock()
	news := k.current != nil || !k.tried
	k.mu.Unlock()
	k.set(func() { k.current, k.err, k.blocked = nil, err, "" })
	if news && k.ctx.Err() == nil {
		k.config.Logger.Warn("RabbitMQ is away; trying to connect until it is back", "connection", k.config.Name, "error", err)
	}
}

func (k *Connection) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	if err := k.trouble(); err != nil {
		k.stall(err)
	} else if k.flow.Err() != nil {
		k.flow, k.stall = context.WithCancelCause(context.Background())
	}
	k.tried = true
	close(k.changed)
	k.changed = make(chan struct{})
}
