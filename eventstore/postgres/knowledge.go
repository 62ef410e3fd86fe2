package postgres

import (
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"tansu.cloud/eventstore"
)

// How much a lane remembers: about 10 MB for both caches when full.
const (
	knownTenants = 8_192
	knownStreams = 65_536
)

// contendedFor is for how many batches a tenant whose head another process
// moved goes straight to the locked path.
const contendedFor = 16

// knowledge is what a lane believes of its tenants. It may be stale: a stream's
// version is right exactly as long as the tenant's head has not moved without
// the lane, which the optimistic write compares.
type knowledge struct {
	tenants *lru.Cache[uuid.UUID, *tenantState]
	streams *lru.Cache[streamKey, streamState]
	epochs  uint64
}

type tenantState struct {
	head      eventstore.Head
	epoch     uint64 // stream versions of another epoch are void
	contended int
}

type streamKey struct {
	tenant uuid.UUID
	stream eventstore.Stream
}

type streamState struct {
	version int64
	epoch   uint64
}

func newKnowledge() *knowledge {
	tenants, err := lru.New[uuid.UUID, *tenantState](knownTenants)
	if err != nil {
		panic(err) // only for a size below one
	}
	streams, err := lru.New[streamKey, streamState](knownStreams)
	if err != nil {
		panic(err)
	}
	return &knowledge{tenants: tenants, streams: streams}
}

// tenant returns what is known of a tenant, nil if nothing.
func (k *knowledge) tenant(id uuid.UUID) *tenantState {
	t, _ := k.tenants.Get(id)
	return t
}

// learn sets the tenant's head; versions learned earlier are void.
func (k *knowledge) learn(head eventstore.Head) *tenantState {
	k.epochs++
	t := &tenantState{head: head, epoch: k.epochs}
	if old := k.tenant(head.TenantID); old != nil {
		t.contended = old.contended
	}
	k.tenants.Add(head.TenantID, t)
	return t
}

// assume moves the tenant to where a plan leaves it.
func (k *knowledge) assume(p *plan) {
	t := k.tenant(p.old.TenantID)
	t.head = p.new
	for s, v := range p.versions {
		k.setVersion(t, s, v)
	}
}

// contend marks a tenant whose head another process moved: its next batches go
// to the locked path, where the true head is learned.
func (k *knowledge) contend(stale eventstore.Head) {
	k.learn(stale).contended = contendedFor
}

// distrust voids a tenant's head and versions after a write found them stale.
func (k *knowledge) distrust(id uuid.UUID) {
	k.tenants.Remove(id)
}

// distrustVersions voids only the stream versions of a tenant.
func (k *knowledge) distrustVersions(id uuid.UUID) {
	if t := k.tenant(id); t != nil {
		k.epochs++
		t.epoch = k.epochs
	}
}

func (k *knowledge) version(t *tenantState, s eventstore.Stream) (int64, bool) {
	v, ok := k.streams.Get(streamKey{t.head.TenantID, s})
	if !ok || v.epoch != t.epoch {
		return 0, false
	}
	return v.version, true
}

func (k *knowledge) setVersion(t *tenantState, s eventstore.Stream, version int64) {
	k.streams.Add(streamKey{t.head.TenantID, s}, streamState{version, t.epoch})
}
