package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// Shown tells from memory alone which version of a tenant's rows a projection
// shows at this moment, and up to which position these contain everything. Two
// equal versions, wherever and whenever they were told, are the same rows. A
// version is known only in the process that moves the rows on, because it knows
// before anyone else that they change, and only when they have stood still for a
// PollInterval: then the first who asks has it made sure.
func (r *Runner) Shown(name string, tenant uuid.UUID) (version string, reached int64, known bool) {
	p := r.byName[name]
	if p == nil || !p.reads(tenant) {
		return "", 0, false
	}
	g := p.shareOf(tenant).live.Load()
	if g == nil {
		return "", 0, false
	}
	position, reached, exact := g.queue.shown(tenant, r.config.PollInterval)
	// The lease comes second: if it holds now, it held when the queue answered.
	if !exact || !g.lease.holds() {
		return "", 0, false
	}
	return fmt.Sprintf("g%d@%d", g.number, position), reached, true
}

// shown returns the version of a tenant's rows, if it is exact. If not, and the
// rows have stood still for that long, it asks the tenant's worker to see to it.
func (q *queue) shown(id uuid.UUID, quiet time.Duration) (version, reached int64, exact bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.tenants[id]
	if t == nil && len(q.tenants) < inboxTenants/q.parts {
		t = &tenant{id: id}
		q.tenants[id] = t
	}
	if t == nil || q.closed {
		return 0, 0, false
	}
	if !t.exact && t.place == idle && time.Since(t.touched) >= quiet {
		t.touched = time.Now()
		t.add(uuid.Nil, certify) // dead letters have other ids
		q.enqueue(t)
	}
	return t.version, t.reached, t.exact
}

// certified says that a tenant's rows are those of its stored checkpoint.
func (q *queue) certified(t *tenant) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.exact, t.version = true, t.stored
}

// unsettle says that a worker is about to change a tenant's rows.
func (q *queue) unsettle(t *tenant) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.exact, t.touched = false, time.Now()
}

// certify makes a tenant's version exact. Claiming the checkpoint waits for
// whoever had the lease before and is late with a commit, and refuses them
// afterwards; and as this statement waits for the disk, with everything before it,
// a crash of the database cannot take the rows back. Behind parked streams rows
// change without a position, so there are no versions.
func certify(ctx context.Context, g *generation, t *tenant) error {
	if t.stored == 0 || len(t.parked) > 0 {
		return nil
	}
	claimed, err := g.queries.ClaimCheckpoint(ctx, db.ClaimCheckpointParams{
		TenantID: t.id, Projection: g.Name, Generation: int32(g.number), Position: t.stored, Fence: g.lease.token})
	if err != nil {
		return err
	}
	if claimed == 0 {
		return errStale
	}
	g.queue.certified(t)
	return nil
}
