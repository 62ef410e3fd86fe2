package eventstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Expected versions with a meaning of their own; any value above zero means
// "exactly this version".
const (
	AnyVersion int64 = -1
	NoStream   int64 = 0
)

// NewEvent is an encoded event that waits for its place in the log. Codec.Encode
// makes it; ID must be unique (UUIDv7) because the outcome of an interrupted
// commit is looked up by it.
type NewEvent struct {
	ID            uuid.UUID
	Type          string
	SchemaVersion int
	Data          json.RawMessage
}

// StreamWrite adds events to one stream if it stands at the expected version.
type StreamWrite struct {
	Stream   Stream
	Expected int64
	Events   []NewEvent
}

// ClaimOp is what an append does with a unique value.
type ClaimOp int

const (
	// TakeClaim holds the value for the claim's stream; taking what the same
	// stream already holds changes nothing.
	TakeClaim ClaimOp = iota + 1
	// ReleaseClaim frees a value that the claim's stream holds. A move is a
	// release and a take in one append; releases are carried out first.
	ReleaseClaim
)

// Claim takes or frees a value that must be unique within a tenant and scope,
// such as a slug, in the same transaction as the events.
type Claim struct {
	Op     ClaimOp
	Scope  string // what kind of value, e.g. "tenant.slug"
	Value  string
	Stream Stream // the holder
}

// Idempotency is the record of a command that must take effect once. Key is
// unique within the tenant; Response is opaque to the store.
type Idempotency struct {
	Key         string
	Fingerprint Hash // of the request, to tell a repeat from a different request
	Response    []byte
}

// IdempotencyRecord is a stored Idempotency with its place in the log.
type IdempotencyRecord struct {
	Idempotency
	Position   int64 // of the last event of that append; the head if it had no events
	RecordedAt time.Time
}

// Append is everything that one command changes, committed together or not at
// all. Several streams may be written; each stream once. It needs at least one
// event, unless Idempotency is set.
type Append struct {
	TenantID uuid.UUID
	Writes   []StreamWrite
	Metadata Metadata
	Claims   []Claim
	// Idempotency, if set, is stored with the events; a second append with its
	// key fails with *AlreadyProcessed, whatever else would be wrong with it.
	Idempotency *Idempotency
	// EraseSubjects destroys the sealing keys of these data subjects with the
	// same commit; a subject without a key gets none later.
	EraseSubjects []string
}

// Appended is the committed result: the events with position, version and hash,
// in the order they were given.
type Appended struct {
	Events   []Event
	Position int64 // of the last event; the head if the append had no events
}

// Appender writes to the log. When Append returns nil the events are durable.
//
// Errors: *LimitError, *VersionConflict, *ClaimTaken, *ClaimNotHeld and
// *AlreadyProcessed mean that nothing was written. ErrUnavailable means that
// nothing was written and a retry may succeed. ErrOutcomeUnknown, and the error
// of a context that ended while the commit was on its way, mean that it may
// have been written: repeat with the same idempotency key.
//
// Safe for concurrent use, by several processes too.
type Appender interface {
	Append(ctx context.Context, a Append) (Appended, error)
}
