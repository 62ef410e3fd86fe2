package eventstore

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// ErrUnavailable: the log could not be reached or is overloaded, and nothing
// was written.
var ErrUnavailable = errors.New("the event log is unavailable")

// ErrOutcomeUnknown: the connection was lost during a commit and the outcome
// could not be looked up in time.
var ErrOutcomeUnknown = errors.New("the outcome of the append is unknown; repeat it with the same idempotency key")

// VersionConflict: a stream does not stand at the expected version.
type VersionConflict struct {
	Stream           Stream
	Expected, Actual int64
}

func (e *VersionConflict) Error() string {
	return fmt.Sprintf("stream %s stands at version %d, expected %d", e.Stream, e.Actual, e.Expected)
}

// ClaimTaken: another stream holds the unique value.
type ClaimTaken struct {
	Scope, Value string
	Holder       Stream
}

func (e *ClaimTaken) Error() string {
	return fmt.Sprintf("%s %q is taken by %s", e.Scope, e.Value, e.Holder)
}

// ClaimNotHeld: a release names a value that the stream does not hold.
type ClaimNotHeld struct {
	Scope, Value string
	Stream       Stream
}

func (e *ClaimNotHeld) Error() string {
	return fmt.Sprintf("%s does not hold %s %q", e.Stream, e.Scope, e.Value)
}

// AlreadyProcessed: an append with this idempotency key was committed before.
type AlreadyProcessed struct{ Record IdempotencyRecord }

func (e *AlreadyProcessed) Error() string {
	return fmt.Sprintf("idempotency key already used at position %d", e.Record.Position)
}

// LimitError: an append is larger or differently shaped than the log accepts.
type LimitError struct {
	Field   string // what is out of bounds, e.g. "writes[0].events[3].data"
	Problem string // what is wrong with it and what would be right
}

func (e *LimitError) Error() string { return e.Field + ": " + e.Problem }

// CorruptLog: the log contradicts itself at a position. Nothing may go on past
// it; an operator has to look (runbook log-corrupt).
type CorruptLog struct {
	TenantID uuid.UUID
	Position int64
	Problem  string
}

func (e *CorruptLog) Error() string {
	return fmt.Sprintf("log of tenant %s is corrupt at position %d: %s", e.TenantID, e.Position, e.Problem)
}
