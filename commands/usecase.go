package commands

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

// useCase is what the file of a command says about it. In is the command as
// callers send it; S, C and E are those of the aggregate.
type useCase[In, S, C any, E eventstore.Payload] struct {
	name       string
	permission string
	self       bool // identity.self is enough too
	aggregate  aggregate[S, C, E]
	creates    bool // a request without a stream id gets a new one

	// prepare, if set, looks up what the domain's command needs besides what the
	// caller sends. It runs before each attempt.
	prepare func(ctx context.Context, r *Request[In]) error
	// command makes the domain's command.
	command func(r Request[In], now time.Time) C
	// check, if set, refuses events for reasons that lie outside the aggregate.
	check func(ctx context.Context, r Request[In], before S, events []E) error
	// beside, if set, decides about other streams of the same log that change in
	// the same append.
	beside func(ctx context.Context, r Request[In], now time.Time, before S, events []E) ([]eventstore.StreamWrite, error)
	// reason, if set, goes to the metadata unless the caller gives another one.
	reason func(In) string
	// claims, if set, are taken and released with the events; claimTaken is what
	// the caller gets to know when one of them belongs to another stream.
	claims     func(stream eventstore.Stream, events []E) []eventstore.Claim
	claimTaken error
	// takenAs, if set, has another answer for claims of a scope.
	takenAs map[string]error
	// erases, if set, names the data subjects to erase with the events.
	erases func(r Request[In]) []string
}

// handle wraps a use case into the middleware: from the outside in, what may
// refuse cheaply comes first, and what is repeated on a conflict comes last.
func handle[In, S, C any, E eventstore.Payload](p *pipeline, u useCase[In, S, C, E]) Handler[In, S] {
	h := execute(p, u)
	h = retryConflicts(u.aggregate.streamType, h)
	h = identify(p, u.creates, h)
	h = idempotent(p, func(ctx context.Context, tenant uuid.UUID, id string, version int64) (S, error) {
		l, err := load(ctx, p, u.aggregate, tenant, id, version)
		return l.state, err
	}, h)
	h = authorize(u.permission, u.self, h)
	return trace(p, u.name, h)
}

// execute decides and appends: on what this process remembers of the aggregate,
// and if that may be too old, on what the log holds.
func execute[In, S, C any, E eventstore.Payload](p *pipeline, u useCase[In, S, C, E]) Handler[In, S] {
	return func(ctx context.Context, r Request[In]) (Result[S], error) {
		var none Result[S]
		if u.aggregate.systemOnly && r.Tenant != eventstore.SystemTenant {
			return none, errSystemOnly
		}
		if u.prepare != nil {
			if err := u.prepare(ctx, &r); err != nil {
				return none, err
			}
		}
		if r.newStream {
			return u.attempt(ctx, p, r, loaded[S]{}, false)
		}
		stream := u.aggregate.stream(r.Stream)
		if before, known := recall[S](p, r.Tenant, stream); known && r.expects(before.version) {
			result, err := u.attempt(ctx, p, r, before, true)
			if !outdated(err) {
				return result, err
			}
		}
		before, err := load(ctx, p, u.aggregate, r.Tenant, r.Stream, 0)
		if err != nil {
			return none, err
		}
		if !r.expects(before.version) {
			return none, &eventstore.VersionConflict{Stream: stream, Expected: r.Expected, Actual: before.version}
		}
		return u.attempt(ctx, p, r, before, false)
	}
}

// attempt decides on an aggregate and appends, once.
func (u useCase[In, S, C, E]) attempt(ctx context.Context, p *pipeline, r Request[In], before loaded[S], recalled bool) (Result[S], error) {
	var none Result[S]
	stream := u.aggregate.stream(r.Stream)
	now := p.now().UTC().Truncate(time.Microsecond)
	events, err := u.aggregate.decide(before.state, u.command(r, now))
	if err == nil && recalled && len(events) == 0 {
		err = errUnchanged
	}
	if err != nil {
		return none, err
	}
	if u.check != nil && len(events) > 0 {
		if err := u.check(ctx, r, before.state, events); err != nil {
			return none, err
		}
	}
	after := before
	for _, e := range events {
		after.state = u.aggregate.apply(after.state, e)
	}
	after.version += int64(len(events))

	a, err := u.compose(ctx, p, r, before.version, events)
	if err != nil {
		return none, err
	}
	if u.beside != nil && len(events) > 0 {
		writes, err := u.beside(ctx, r, now, before.state, events)
		if err != nil {
			return none, err
		}
		a.Writes = append(a.Writes, writes...)
	}
	if r.IdempotencyKey != "" {
		if a.Idempotency, err = record(r, u.aggregate.personal, after); err != nil {
			return none, err
		}
	}
	position, err := commit(ctx, p.store, a)
	if err != nil {
		p.recalled.forget(r.Tenant, stream)
		if taken := (*eventstore.ClaimTaken)(nil); u.claimTaken != nil && errors.As(err, &taken) {
			err = u.claimTaken
			if named, ok := u.takenAs[taken.Scope]; ok {
				err = named
			}
		}
		return none, err
	}
	if !u.aggregate.personal {
		saveSnapshot(ctx, p, u.aggregate.stateVersion, r.Tenant, stream, &after)
		p.recalled.keep(r.Tenant, stream, after)
	}
	return Result[S]{State: after.state, Version: after.version, Position: position}, nil
}

// compose makes the append that carries the events of one attempt.
func (u useCase[In, S, C, E]) compose(ctx context.Context, p *pipeline, r Request[In], version int64, events []E) (eventstore.Append, error) {
	a := eventstore.Append{TenantID: r.Tenant, Metadata: metadata(ctx, r, u.reason)}
	if len(events) == 0 {
		return a, nil
	}
	stream := u.aggregate.stream(r.Stream)
	write, err := encode(ctx, p, r.Tenant, stream, version, events)
	if err != nil {
		return a, err
	}
	a.Writes = []eventstore.StreamWrite{write}
	if u.claims != nil {
		a.Claims = u.claims(stream, events)
	}
	if u.erases != nil {
		a.EraseSubjects = u.erases(r)
	}
	return a, nil
}

// writeBeside decides about a stream that changes together with the use case's
// own. It returns no write if the command changes nothing there.
func writeBeside[S, C any, E eventstore.Payload](ctx context.Context, p *pipeline, agg aggregate[S, C, E], tenant uuid.UUID, id string, c C) ([]eventstore.StreamWrite, error) {
	before, err := load(ctx, p, agg, tenant, id, 0)
	if err != nil {
		return nil, err
	}
	events, err := agg.decide(before.state, c)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	write, err := encode(ctx, p, tenant, agg.stream(id), before.version, events)
	return []eventstore.StreamWrite{write}, err
}

var errSubjectErased = domain.Conflict("subject.erased",
	"the person's data was erased, which is final; nothing personal of theirs can be stored under this id again")

func encode[E eventstore.Payload](ctx context.Context, p *pipeline, tenant uuid.UUID, stream eventstore.Stream, version int64, events []E) (eventstore.StreamWrite, error) {
	write := eventstore.StreamWrite{Stream: stream, Expected: version}
	for _, e := range events {
		encoded, err := p.codec.Encode(ctx, tenant, e)
		if errors.Is(err, eventstore.ErrSubjectErased) {
			return write, errSubjectErased
		}
		if err != nil {
			return write, err
		}
		write.Events = append(write.Events, encoded)
	}
	return write, nil
}

// commit appends and returns the position from which on the outcome can be
// read. Without events there may be nothing to append, but still a position:
// what the command found unchanged is in the log up to here.
func commit(ctx context.Context, store eventstore.Store, a eventstore.Append) (int64, error) {
	if len(a.Writes) == 0 && a.Idempotency == nil {
		head, err := store.Head(ctx, a.TenantID)
		return head.Position, err
	}
	appended, err := store.Append(ctx, a)
	return appended.Position, err
}

// answer is what is stored under an idempotency key: the state, or where it can
// be read from if it holds personal data, which is stored sealed only.
type answer[S any] struct {
	Version int64  `json:"version"`
	State   *S     `json:"state,omitempty"`
	Stream  string `json:"stream,omitempty"`
}

func record[In, S any](r Request[In], personal bool, after loaded[S]) (*eventstore.Idempotency, error) {
	a := answer[S]{Version: after.version}
	if personal {
		a.Stream = r.Stream
	} else {
		a.State = &after.state
	}
	response, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	return &eventstore.Idempotency{Key: r.IdempotencyKey, Fingerprint: r.Fingerprint, Response: response}, nil
}
