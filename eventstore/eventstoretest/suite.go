// Package eventstoretest is the contract of eventstore as tests: one suite that
// every adapter passes. Adapters call [Run] from a test of their own.
package eventstoretest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"tansu.cloud/eventstore"
)

// Fixture is an adapter on empty storage. Fields marked optional leave out the
// tests that need them.
type Fixture struct {
	Store     eventstore.Store
	Snapshots eventstore.Snapshots
	Keys      eventstore.SubjectKeys

	// Second is a store on the same storage, as another process would have it
	// (optional).
	Second eventstore.Store
	// SetClock makes the store's clock stand at a time (optional).
	SetClock func(time.Time)
	// Commits has received what Store committed (optional).
	Commits *Recorder
}

// both returns Store and, if there is one, Second.
func (f Fixture) both() []eventstore.Store {
	if f.Second == nil {
		return []eventstore.Store{f.Store}
	}
	return []eventstore.Store{f.Store, f.Second}
}

// Recorder keeps what an adapter reports through its OnCommit option.
type Recorder struct {
	mu     sync.Mutex
	events map[uuid.UUID][]eventstore.Event
	mixed  bool
}

// Committed is the OnCommit function.
func (r *Recorder) Committed(events []eventstore.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.events == nil {
		r.events = map[uuid.UUID][]eventstore.Event{}
	}
	for _, e := range events {
		if e.TenantID != events[0].TenantID {
			r.mixed = true
		}
		r.events[e.TenantID] = append(r.events[e.TenantID], e)
	}
}

// of returns a tenant's events in the order in which they were reported.
func (r *Recorder) of(tenant uuid.UUID) []eventstore.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events[tenant])
}

func (r *Recorder) mixedTenants() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mixed
}

type test struct {
	name string
	run  func(*testing.T, Fixture)
}

// topics share a fixture each; their tests keep apart by using new tenants.
var topics = []struct {
	name  string
	tests []test
}{
	{"append", appendTests},
	{"content", contentTests},
	{"limits", limitTests},
	{"claims", claimTests},
	{"idempotency", idempotencyTests},
	{"read log", readLogTests},
	{"read stream", readStreamTests},
	{"heads", headTests},
	{"clock", clockTests},
	{"snapshots", snapshotTests},
	{"subjects", subjectTests},
	{"concurrency", concurrencyTests},
	{"cancel", cancelTests},
	{"second store", secondStoreTests},
	{"model", modelTests},
}

// Run runs the suite. open is called once per topic.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			for _, tc := range topic.tests {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					tc.run(t, f)
				})
			}
		})
	}
}
