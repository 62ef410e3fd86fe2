// Package notices tells people by mail what was changed about how they sign in, so
// that nobody makes themselves at home in an account unnoticed. The saga [New]
// follows the system tenant's log and writes a job for each command that changed
// something, in the transaction that moves its checkpoint. The [Teller] does these
// jobs. A notice holds no secret, so unlike a link it can wait in the queue.
package notices

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
const Name = "credential_notices"

const (
	// kind of its jobs.
	kind = "user.notify"
	// oldest is how old an event may be of which somebody is told. What is older is
	// history that the saga reads when it is new in an installation.
	oldest = 3 * 24 * time.Hour
)

// changes say what an event changed.
var changes = map[string]string{
	user.PasswordSet{}.EventType():       "A new password was set.",
	user.TOTPEnabled{}.EventType():       "An authenticator app was set up.",
	user.TOTPDisabled{}.EventType():      "The authenticator app was turned off.",
	user.RecoveryCodesMade{}.EventType(): "New recovery codes were made.",
	user.PasskeyAdded{}.EventType():      "A passkey was added.",
	user.PasskeyRemoved{}.EventType():    "A passkey was removed.",
	user.IdentityLinked{}.EventType():    "The account was linked to an organisation's sign-in.",
	user.IdentityUnlinked{}.EventType():  "The account was unlinked from an organisation's sign-in.",
}

// New returns the saga. wake is called when there are new jobs.
func New(wake func()) projections.Projection {
	p := projections.Projection{Name: Name, Version: 1, Saga: true, Apply: saga{wake}.apply}
	for _, prototype := range user.Events() {
		if changes[prototype.EventType()] != "" {
			p.Types = append(p.Types, prototype.EventType())
		}
	}
	return p
}

type saga struct{ wake func() }

// order is the payload of a job: where in the system tenant's log the events of the
// command begin of which somebody is to be told.
type order struct {
	Position int64 `json:"position"`
}

// apply names a job after the command, whose events tell one thing, also if they
// come in several batches.
func (s saga) apply(ctx context.Context, tx pgx.Tx, happened []projections.Change) error {
	var work []jobs.Job
	last := ""
	for _, c := range happened {
		if time.Since(c.Event.RecordedAt) > oldest {
			continue
		}
		meta, err := c.Event.Meta()
		if err != nil {
			return err
		}
		if meta.CommandID == last {
			continue
		}
		last = meta.CommandID
		payload, err := json.Marshal(order{c.Event.Position})
		if err != nil {
			return err
		}
		work = append(work, jobs.Job{TenantID: eventstore.SystemTenant, Kind: kind, Key: meta.CommandID, Payload: payload})
	}
	enqueued, err := jobs.Enqueue(ctx, tx, work...)
	if enqueued > 0 {
		projections.AfterCommit(ctx, s.wake)
	}
	return err
}
