// Package jobs does work that has effects outside: mail, webhooks, processing.
// A job is a row in PostgreSQL, written in the transaction of whoever wants the
// work done, so none is lost whatever happens to a broker; a carrier (PostgreSQL
// itself, or RabbitMQ) tells workers what to do next. A handler may see a job
// more than once and makes its effect once by the job's key.
package jobs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Job is work to do.
type Job struct {
	TenantID uuid.UUID
	Kind     string          // names the handler, e.g. "webhook.deliver"
	Key      string          // a second job of the same tenant, kind and key is dropped; at most 255 bytes
	Group    string          // jobs of a tenant's group run one at a time in the order of their enqueueing, and a dead one holds the rest back; empty: no order
	Payload  json.RawMessage // at most 64 KiB; refer to larger things by id
	RunAt    time.Time       // not before; zero: now
}

// Delivery is a job in the hands of a handler.
type Delivery struct {
	Job
	ID      uuid.UUID
	Attempt int // 1, 2, 3 …
	// LastAttempt: if the handler fails, the job is dead.
	LastAttempt bool

	claim *claim
}

// Kind says how jobs of one kind are run.
type Kind struct {
	// Handle does the work. Its context ends after Timeout or when the process
	// stops. An error is a failed attempt; [Dead] and [After] wrap one.
	Handle func(ctx context.Context, d Delivery) error
	// Delays are the waits before the attempts after the first, each with jitter
	// of a tenth; when they are used up the job is dead. Nil: a default of eight
	// attempts over about a day.
	Delays  []time.Duration
	Timeout time.Duration // of one attempt; default 1 minute
	// Workers is how many jobs of the kind a process runs at once, PerTenant how
	// many of them may be one tenant's. Defaults 8 and 4.
	Workers, PerTenant int
	// OnDead, if set, is called in the transaction-free moment after a job died;
	// not at all if the process dies in that moment.
	OnDead func(ctx context.Context, d Delivery, cause error)
}
