package jobs

import (
	"slices"
	"sync"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
)

// crew is the workers of one kind in this process: how many are busy, and for
// whom.
type crew struct {
	Kind
	name       string
	attributes metric.MeasurementOption
	outcomes   map[string]metric.MeasurementOption // attributes by outcome
	// wake has a value when there may be jobs to claim.
	wake chan struct{}

	mu      sync.Mutex
	busy    map[uuid.UUID]int // by tenant
	working int
	line    []*place      // who waits for a worker, in order
	freed   chan struct{} // closed when somebody becomes free, then replaced
}

func newCrew(name string, k Kind) *crew {
	return &crew{
		Kind: k, name: name, attributes: kindAttributes(name), outcomes: outcomeAttributes(name),
		wake: make(chan struct{}, 1), busy: map[uuid.UUID]int{}, freed: make(chan struct{}),
	}
}

// signal never blocks: one value in the channel says it all.
func (c *crew) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// room returns how many more jobs can run, and the tenant of each that runs.
// freed is closed as soon as there is more room than that.
func (c *crew) room() (free int, busy []uuid.UUID, freed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	busy = make([]uuid.UUID, 0, c.working)
	for tenant, n := range c.busy {
		for range n {
			busy = append(busy, tenant)
		}
	}
	return c.Workers - c.working, busy, c.freed
}

// engage takes workers for tenants' jobs; the caller knows that there is room.
func (c *crew) engage(tenant uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working++
	c.busy[tenant]++
}

// free lets go of the workers of tenants' jobs, at once.
func (c *crew) free(tenants ...uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tenant := range tenants {
		c.working--
		if c.busy[tenant]--; c.busy[tenant] == 0 {
			delete(c.busy, tenant)
		}
	}
	c.admit()
	close(c.freed)
	c.freed = make(chan struct{})
}

// place is a job's place in the line for a worker. engaged is closed when there
// is one for it.
type place struct {
	tenant  uuid.UUID
	engaged chan struct{}
}

// lineUp waits for a worker. Who comes first is served first, past those whose tenant
// has all that it may.
func (c *crew) lineUp(tenant uuid.UUID) *place {
	p := &place{tenant, make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line = append(c.line, p)
	c.admit()
	return p
}

// giveUp leaves the line, or frees the worker that was engaged meanwhile.
func (c *crew) giveUp(p *place) {
	c.mu.Lock()
	i := slices.Index(c.line, p)
	if i >= 0 {
		c.line = slices.Delete(c.line, i, i+1)
	}
	c.mu.Unlock()
	if i < 0 {
		c.free(p.tenant)
	}
}

func (c *crew) admit() {
	c.line = slices.DeleteFunc(c.line, func(p *place) bool {
		if c.working >= c.Workers || c.busy[p.tenant] >= c.PerTenant {
			return false
		}
		c.working++
		c.busy[p.tenant]++
		close(p.engaged)
		return true
	})
}

func (c *crew) running() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(c.working)
}
