// Package provisioning prepares new tenants. The saga [New] follows the system
// tenant's log and writes a job for whatever tenant is to be provisioned, in the
// transaction that moves its checkpoint. The [Provisioner] does these jobs: it
// takes the steps that are open, one after the other, and notes each in the
// tenant's stream. Each step can be repeated and has its effect once, so it does
// not matter who dies when, or how many work on a tenant.
package provisioning

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
)

// Name of the saga.
const Name = "provisioning"

const (
	// kind of its jobs.
	kind = "tenant.provision"
	// maxTenants is how many tenants one job is about.
	maxTenants = 100
)

// New returns the saga. wake is called when there are new jobs.
func New(wake func()) projections.Projection {
	return projections.Projection{
		Name: Name, Version: 1, Saga: true, Apply: saga{wake}.apply,
		Types: []string{
			tenant.ProvisioningStarted{}.EventType(), tenant.ProvisioningResumed{}.EventType(),
			tenant.Provisioned{}.EventType(), tenant.Archived{}.EventType(),
		},
	}
}

type saga struct{ wake func() }

// order is the payload of a job: which tenants.
type order struct {
	Tenants []uuid.UUID `json:"tenants"`
}

// apply writes a job of its own for each tenant of which somebody gets mail, which
// may be slow, or for which somebody resumed it, and one for all others together.
func (s saga) apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	var work []jobs.Job
	var others []projections.Change
	for _, c := range changes {
		switch e := c.Payload.(type) {
		case tenant.ProvisioningStarted:
			if e.InviteID == "" {
				others = append(others, c)
				continue
			}
		case tenant.ProvisioningResumed:
		default: // it is over
			others = slices.DeleteFunc(others, func(other projections.Change) bool { return other.Event.Stream == c.Event.Stream })
			continue
		}
		j, err := job(c)
		if err != nil {
			return err
		}
		work = append(work, j)
	}
	for some := range slices.Chunk(others, maxTenants) {
		j, err := job(some...)
		if err != nil {
			return err
		}
		work = append(work, j)
	}
	enqueued, err := jobs.Enqueue(ctx, tx, work...)
	if enqueued > 0 {
		projections.AfterCommit(ctx, s.wake)
	}
	return err
}

// job is named after the first event that it is about.
func job(changes ...projections.Change) (jobs.Job, error) {
	var o order
	for _, c := range changes {
		id, err := uuid.Parse(c.Event.Stream.ID)
		if err != nil {
			return jobs.Job{}, fmt.Errorf("the stream of tenant %q has no UUID: %w", c.Event.Stream.ID, err)
		}
		o.Tenants = append(o.Tenants, id)
	}
	payload, err := json.Marshal(o)
	return jobs.Job{TenantID: eventstore.SystemTenant, Kind: kind, Key: changes[0].Event.ID.String(), Payload: payload}, err
}
