// Package severance takes back what a tenant's identity provider gave. When one is
// removed, the roles that its groups gave go, and the e-mail domains that led to it
// are free; so are those of a tenant that is archived. When an identity is unlinked,
// the sessions end for which the tenant's providers vouched.
//
// The saga [New] follows every log and writes a job for each such event, in the
// transaction that moves its checkpoint. The [Severer] does these jobs by commands.
// Each can be repeated, so it does not matter who dies when.
package severance

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
)

// Name of the saga.
const Name = "severance"

const (
	// kind of its jobs.
	kind = "identity_provider.sever"
	// lookAgain is when an event is followed a second time. A request that found the
	// provider as it was before may commit after that, in the same log or another, but
	// not for longer than a request takes.
	lookAgain = 5 * time.Minute
)

// New returns the saga. wake is called when there are new jobs.
func New(wake func()) projections.Projection {
	return projections.Projection{
		Name: Name, Version: 1, Saga: true, EveryTenant: true, Apply: saga{wake}.apply,
		Types: []string{provider.Removed{}.EventType(), tenant.Archived{}.EventType(), user.IdentityUnlinked{}.EventType()},
	}
}

type saga struct{ wake func() }

// order is the payload of a job: which event.
type order struct {
	Tenant   uuid.UUID `json:"tenant"` // whose log
	Position int64     `json:"position"`
}

func (s saga) apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	work := make([]jobs.Job, 0, 2*len(changes))
	for _, c := range changes {
		payload, err := json.Marshal(order{c.Event.TenantID, c.Event.Position})
		if err != nil {
			return err
		}
		// The system tenant's, as all that is not a tenant's own work.
		j := jobs.Job{TenantID: eventstore.SystemTenant, Kind: kind, Key: "severance/" + c.Event.ID.String(), Payload: payload}
		again := j
		again.Key, again.RunAt = j.Key+"/again", c.Event.RecordedAt.Add(lookAgain)
		work = append(work, j, again)
	}
	enqueued, err := jobs.Enqueue(ctx, tx, work...)
	if enqueued > 0 {
		projections.AfterCommit(ctx, s.wake)
	}
	return err
}
