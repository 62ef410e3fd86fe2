// Package departures sees people off. Who is erased leaves every tenant, and the
// open invites to their address are taken back; who is erased, disabled or has a new
// password is signed out everywhere. The saga [New] follows the system tenant's log
// and writes a job for each such event, in the transaction that moves its
// checkpoint. The [Usher] does these jobs by commands in the logs of tenants. Each
// command can be repeated and has its effect once, so it does not matter who dies
// when.
package departures

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
)

// Name of the saga.
const Name = "departures"

const (
	// kind of its jobs.
	kind = "user.depart"
	// lookAgain is when an erasure is followed a second time. Logs of different
	// tenants know no order: who is made a member in one may be erased in another
	// before it is committed, but not for longer than a request takes.
	lookAgain = 5 * time.Minute
)

// New returns the saga. wake is called when there are new jobs.
func New(wake func()) projections.Projection {
	return projections.Projection{
		Name: Name, Version: 1, Saga: true, Apply: saga{wake}.apply,
		Types: []string{user.Erased{}.EventType(), user.Disabled{}.EventType(), user.PasswordSet{}.EventType()},
	}
}

type saga struct{ wake func() }

// order is the payload of a job: which event, in the system tenant's log.
type order struct {
	Position int64 `json:"position"`
}

func (s saga) apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	var work []jobs.Job
	for _, c := range changes {
		payload, err := json.Marshal(order{c.Event.Position})
		if err != nil {
			return err
		}
		j := jobs.Job{TenantID: eventstore.SystemTenant, Kind: kind, Key: c.Event.ID.String(), Payload: payload}
		work = append(work, j)
		if _, erased := c.Payload.(user.Erased); erased {
			j.Key, j.RunAt = j.Key+"/again", c.Event.RecordedAt.Add(lookAgain)
			work = append(work, j)
		}
	}
	enqueued, err := jobs.Enqueue(ctx, tx, work...)
	if enqueued > 0 {
		projections.AfterCommit(ctx, s.wake)
	}
	return err
}
