package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/eventstore"
)

const (
	// notifyInterval is how long commits are gathered before others are told of
	// them. They travel together, and keep out of the way of what this process does
	// at once with a commit.
	notifyInterval = 3 * time.Millisecond
	// notifyTenants is how many tenants may wait to be told about.
	notifyTenants = 10_000
	// notifyProbe is how long the connection may be silent before it is probed,
	// notifyTimeout what an answer may take.
	notifyProbe, notifyTimeout = 15 * time.Second, 5 * time.Second
	// notifyBackoff is the most that a reconnect waits.
	notifyBackoff = 5 * time.Second
)

// NotifierConfig says between whom positions travel.
type NotifierConfig struct {
	// DSN leads to the database itself: LISTEN belongs to a session, which a
	// pooler of transactions takes away.
	DSN string
	// NodeID names this process; it does not hear what it has said itself.
	NodeID string
	// Heard is called when another process says that a tenant's log reaches a
	// position. It must not block.
	Heard func(tenant uuid.UUID, position int64)

	Logger        *slog.Logger         // default: discards
	MeterProvider metric.MeterProvider // default: the global one
}

// Notifier tells the processes on a database how far each other's commits have
// brought the logs, over one connection and never in an append's transaction:
// NOTIFY makes commits wait for each other. What it loses, a poll finds.
type Notifier struct {
	config  NotifierConfig
	connect *pgx.ConnConfig
	sender  string
	metrics *notifierMetrics

	mu        sync.Mutex
	pending   map[uuid.UUID]int64 // newest position to be told of each tenant
	scheduled bool                // a send is due or will be
	due       bool
	interrupt context.CancelFunc // ends the wait for notifications, nil outside it

	cancel context.CancelFunc
	done   chan struct{}
}

// NewNotifier returns a notifier that neither speaks nor listens until it is
// started.
func NewNotifier(c NotifierConfig) (*Notifier, error) {
	if c.DSN == "" || c.NodeID == "" || c.Heard == nil {
		return nil, errors.New("notifier: DSN, NodeID and Heard are required")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	connect, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, errors.New("notifier: DSN is not a connection string") // the error would quote it
	}
	if connect.RuntimeParams["application_name"] == "" {
		connect.RuntimeParams["application_name"] = "tansu-notifier"
	}
	connect.RuntimeParams["synchronous_commit"] = "off" // a notification is not kept anyway
	m, err := newNotifierMetrics(c.MeterProvider.Meter(instrumentation))
	if err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	return &Notifier{config: c, connect: connect, sender: notifySender(c.NodeID), metrics: m, pending: map[uuid.UUID]int64{}}, nil
}

// Start begins to speak and to listen, until Stop or the end of ctx. A database
// that cannot be reached is tried again.
func (n *Notifier) Start(ctx context.Context) error {
	if n.cancel != nil {
		return errors.New("notifier: started twice")
	}
	ctx, n.cancel = context.WithCancel(ctx)
	n.done = make(chan struct{})
	n.metrics.connected.Record(ctx, 0)
	go func() {
		defer close(n.done)
		n.run(ctx)
	}()
	return nil
}

// Stop closes the connection; what was not told yet is not told any more.
func (n *Notifier) Stop(ctx context.Context) error {
	if n.cancel == nil {
		return nil
	}
	n.cancel()
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Committed takes a contiguous run of one tenant's committed events. It does not
// block.
func (n *Notifier) Committed(events []eventstore.Event) {
	if len(events) == 0 {
		return
	}
	last := &events[len(events)-1]
	n.mu.Lock()
	defer n.mu.Unlock()
	before, known := n.pending[last.TenantID]
	if !known && len(n.pending) >= notifyTenants {
		return
	}
	n.pending[last.TenantID] = max(before, last.Position)
	n.schedule()
}

// schedule has what is pending sent when the interval is over.
func (n *Notifier) schedule() {
	if n.scheduled {
		return
	}
	n.scheduled = true
	time.AfterFunc(notifyInterval, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.due = true
		if n.interrupt != nil {
			n.interrupt()
		}
	})
}

func (n *Notifier) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		err := n.session(ctx)
		n.metrics.connected.Record(context.WithoutCancel(ctx), 0)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > notifyBackoff {
			failures = 0
		}
		delay := min(50*time.Millisecond<<min(failures, 10), notifyBackoff)
		if failures++; failures&(failures-1) == 0 {
			n.config.Logger.WarnContext(ctx, "notifier: not connected", "failures", failures, "error", err)
		}
		timer := time.NewTimer(delay/2 + rand.N(delay/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// session speaks and listens on one connection until it fails.
func (n *Notifier) session(ctx context.Context) error {
	connecting, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, n.connect)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(connecting, "LISTEN "+notifyChannel); err != nil {
		return err
	}
	n.metrics.connected.Record(ctx, 1)
	n.config.Logger.InfoContext(ctx, "notifier: connected")
	for ctx.Err() == nil {
		if payloads := n.takeDue(); len(payloads) > 0 {
			if err := n.send(ctx, conn, payloads); err != nil {
				return err
			}
		}
		if err := n.listen(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

// takeDue returns what is to be sent now.
func (n *Notifier) takeDue() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.due {
		return nil
	}
	payloads := encodeHeads(n.sender, n.pending)
	clear(n.pending)
	n.due, n.scheduled = false, false
	return payloads
}

func (n *Notifier) send(ctx context.Context, conn *pgx.Conn, payloads []string) error {
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	_, err := conn.Exec(ctx, `SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload`, notifyChannel, payloads)
	if err == nil {
		n.metrics.sent.Add(ctx, int64(len(payloads)))
	}
	return err
}

// listen waits for a notification, but no longer than until something is to be
// sent, and probes a connection that was silent for long.
func (n *Notifier) listen(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, notifyProbe)
	defer cancel()
	n.mu.Lock()
	if n.due {
		n.mu.Unlock()
		return nil
	}
	n.interrupt = cancel
	n.mu.Unlock()
	notification, err := conn.WaitForNotification(waiting)
	n.mu.Lock()
	n.interrupt = nil
	n.mu.Unlock()

	switch {
	case notification != nil:
		n.hear(ctx, notification.Payload)
		return nil
	case errors.Is(waiting.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		probe, cancel := context.WithTimeout(ctx, notifyTimeout)
		defer cancel()
		return conn.Ping(probe)
	case waiting.Err() != nil && !conn.IsClosed():
		return nil // interrupted
	}
	return err
}

func (n *Notifier) hear(ctx context.Context, payload string) {
	sender, heads, err := decodeHeads(payload)
	if err != nil {
		n.config.Logger.DebugContext(ctx, "notifier: a payload was left out", "error", err)
		return
	}
	if sender == n.sender {
		return
	}
	n.metrics.heard.Add(ctx, int64(len(heads)))
	for tenant, position := range heads {
		n.config.Heard(tenant, position)
	}
}
