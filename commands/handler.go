package commands

import (
	"context"

	"github.com/google/uuid"
	"tansu.cloud/eventstore"
)

// Caller is who sends a command, and from where. All but Permissions ends up in
// the metadata of the events.
type Caller struct {
	Actor         string // principal, e.g. "operator"
	CorrelationID string // empty: the command's own id
	CausationID   string // the event or command that led here, if any
	Address       string // client address
	Reason        string // empty: the command's own reason, if it has one
	// Permissions reports whether the caller has a permission; nil means none.
	Permissions func(permission string) bool
}

// Request is a command for one aggregate.
type Request[C any] struct {
	Tenant  uuid.UUID // whose log
	Stream  string    // the aggregate's id
	Command C
	Caller  Caller
	// Expected is the version that the aggregate must have, or
	// eventstore.AnyVersion to retry until the command meets no other writer.
	Expected int64
	// IdempotencyKey makes repeats of the request take effect once; Fingerprint
	// tells a repeat from another request under the same key.
	IdempotencyKey string
	Fingerprint    eventstore.Hash

	commandID uuid.UUID
	newStream bool // the id is fresh, so there is nothing to load
}

// Result is the aggregate after the command.
type Result[S any] struct {
	State    S
	Version  int64 // of the aggregate's stream
	Position int64 // in the tenant's log, at which the state can be read
	Replayed bool  // answered from the record of an earlier run
}

// Handler runs one use case. Besides the errors of [eventstore.Appender] it
// returns *domain.Error for refusals, *InFlight and *IdempotencyMismatch.
type Handler[C, S any] func(ctx context.Context, r Request[C]) (Result[S], error)

// InFlight: a request with the same idempotency key is being processed.
type InFlight struct{ Key string }

func (e *InFlight) Error() string {
	return "a request with this idempotency key is being processed; repeat this one in a moment"
}

// IdempotencyMismatch: the idempotency key was used for a different request.
type IdempotencyMismatch struct{ Key string }

func (e *IdempotencyMismatch) Error() string {
	return "this idempotency key was used for a different request; use a new key"
}
