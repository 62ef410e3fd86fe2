// Package memory is the event store of domain, command and projection tests: the
// contracts of eventstore in maps behind one lock, with nothing durable. It and
// eventstore/postgres pass the same suite, eventstore/eventstoretest.
package memory

import (
	"sync"
	"time"

	"github.com/google/uuid"
	"tansu.cloud/eventstore"
)

// Options of a store. The zero value is ready for use.
type Options struct {
	// OnCommit receives each append's events, in order per tenant. It runs while
	// the store is locked, so it must neither block nor call the store.
	OnCommit func([]eventstore.Event)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Store keeps all tenants' logs, snapshots and subject keys.
type Store struct {
	onCommit func([]eventstore.Event)
	now      func() time.Time

	mu   sync.Mutex
	logs map[uuid.UUID]*log
}

var (
	_ eventstore.Store       = (*Store)(nil)
	_ eventstore.Snapshots   = (*Store)(nil)
	_ eventstore.SubjectKeys = (*Store)(nil)
)

// log is everything that belongs to one tenant. The event at position p is
// events[p-1]; streams holds each stream's positions in order of version.
type log struct {
	events      []eventstore.Event
	actors      []string // of each event, for the actor filter
	streams     map[eventstore.Stream][]int64
	claims      map[claimed]eventstore.Stream
	idempotency map[string]eventstore.IdempotencyRecord
	snapshots   map[eventstore.Stream]eventstore.Snapshot
	subjects    map[string][]byte // nil key: erased
}

type claimed struct{ scope, value string }

// New returns an empty store.
func New(opts Options) *Store {
	s := &Store{onCommit: opts.OnCommit, now: opts.Now, logs: map[uuid.UUID]*log{}}
	if s.onCommit == nil {
		s.onCommit = func([]eventstore.Event) {}
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// log returns the tenant's log, which may be empty. The caller holds the lock.
func (s *Store) log(tenant uuid.UUID) *log {
	l := s.logs[tenant]
	if l == nil {
		l = &log{
			streams:     map[eventstore.Stream][]int64{},
			claims:      map[claimed]eventstore.Stream{},
			idempotency: map[string]eventstore.IdempotencyRecord{},
			snapshots:   map[eventstore.Stream]eventstore.Snapshot{},
			subjects:    map[string][]byte{},
		}
		s.logs[tenant] = l
	}
	return l
}

func (l *log) head() eventstore.Head {
	if len(l.events) == 0 {
		return eventstore.Head{}
	}
	last := l.events[len(l.events)-1]
	return eventstore.Head{TenantID: last.TenantID, Position: last.Position, Hash: last.Hash, RecordedAt: last.RecordedAt}
}

// pageLimit applies the rule of eventstore.MaxPage.
func pageLimit(limit int) int {
	if limit <= 0 {
		return eventstore.MaxPage
	}
	return min(limit, eventstore.MaxPage)
}
