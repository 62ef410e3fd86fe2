package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

// idempotent lets requests with the same key take effect once. Within a process
// the second one is refused while the first runs; between processes the append
// decides, and the one that comes late answers what the other one recorded.
//
// A key that this process has not met lately is most likely new, so it is not
// looked up: its append finds the record if there is one, and so does whatever
// else the record's own change makes fail. Keys met before are looked up, so
// that a client that repeats itself costs a read and not a refused write.
//
// stateAt reads the state that an answer names instead of holding it.
func idempotent[C, S any](p *pipeline, stateAt stateReader[S], next Handler[C, S]) Handler[C, S] {
	return func(ctx context.Context, r Request[C]) (Result[S], error) {
		if r.IdempotencyKey == "" {
			return next(ctx, r)
		}
		if !p.inFlight.add(r.Tenant, r.IdempotencyKey) {
			return Result[S]{}, &InFlight{r.IdempotencyKey}
		}
		defer p.inFlight.remove(r.Tenant, r.IdempotencyKey)

		if met, _ := p.metKeys.ContainsOrAdd(tenantKey{r.Tenant, r.IdempotencyKey}, struct{}{}); met {
			rec, err := p.store.IdempotencyRecord(ctx, r.Tenant, r.IdempotencyKey)
			if err != nil {
				return Result[S]{}, fmt.Errorf("looking up the idempotency key: %w", err)
			}
			if rec != nil {
				return replay(ctx, r, rec, stateAt)
			}
		}
		result, err := next(ctx, r)
		if done := (*eventstore.AlreadyProcessed)(nil); errors.As(err, &done) {
			return replay(ctx, r, &done.Record, stateAt)
		}
		if foundChange(err) {
			// Perhaps the change that stood in the way is this very request's,
			// committed by another process meanwhile.
			if rec, lookup := p.store.IdempotencyRecord(ctx, r.Tenant, r.IdempotencyKey); lookup == nil && rec != nil {
				return replay(ctx, r, rec, stateAt)
			}
		}
		return result, err
	}
}

// stateReader folds an aggregate up to a version.
type stateReader[S any] func(ctx context.Context, tenant uuid.UUID, id string, version int64) (S, error)

func replay[C, S any](ctx context.Context, r Request[C], rec *eventstore.IdempotencyRecord, stateAt stateReader[S]) (Result[S], error) {
	if rec.Fingerprint != r.Fingerprint {
		return Result[S]{}, &IdempotencyMismatch{r.IdempotencyKey}
	}
	var a answer[S]
	if err := json.Unmarshal(rec.Response, &a); err != nil {
		return Result[S]{}, fmt.Errorf("reading the answer recorded at position %d: %w", rec.Position, err)
	}
	if a.State == nil {
		state, err := stateAt(ctx, r.Tenant, a.Stream, a.Version)
		if err != nil {
			return Result[S]{}, err
		}
		a.State = &state
	}
	return Result[S]{State: *a.State, Version: a.Version, Position: rec.Position, Replayed: true}, nil
}

// foundChange reports errors that a change of state since the look-up of the
// key can cause.
func foundChange(err error) bool {
	var conflict *eventstore.VersionConflict
	var taken *eventstore.ClaimTaken
	var refusal *domain.Error
	return errors.As(err, &conflict) || errors.As(err, &taken) || errors.As(err, &refusal) && refusal.Kind != domain.KindInvalid
}

// maxMetKeys bounds the memory of keys met lately to a few megabytes.
const maxMetKeys = 16_384

func newMetKeys() *lru.Cache[tenantKey, struct{}] {
	keys, err := lru.New[tenantKey, struct{}](maxMetKeys)
	if err != nil {
		panic(err) // only for a size below one
	}
	return keys
}

// keySet holds the idempotency keys of the requests that are running.
type keySet struct {
	mu   sync.Mutex
	keys map[tenantKey]struct{}
}

type tenantKey struct {
	tenant uuid.UUID
	key    string
}

func newKeySet() *keySet { return &keySet{keys: map[tenantKey]struct{}{}} }

func (s *keySet) add(tenant uuid.UUID, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := tenantKey{tenant, key}
	if _, running := s.keys[k]; running {
		return false
	}
	s.keys[k] = struct{}{}
	return true
}

func (s *keySet) remove(tenant uuid.UUID, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, tenantKey{tenant, key})
}
