package notices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections/readmodels/users"
)

// Notice tells a person what was changed.
type Notice struct {
	To, Name string
	At       time.Time
	Changes  []string // sentences
	ByOther  bool     // not by the person
	Key      string   // is the same whenever the notice is sent again
}

// Post sends notices.
type Post interface {
	Send(ctx context.Context, n Notice) error
}

// Waiter tells when a read model shows what is in the log.
type Waiter interface {
	Wait(ctx context.Context, projection string, tenant uuid.UUID, position int64) error
}

// Users finds people.
type Users interface {
	Get(ctx context.Context, id uuid.UUID) (users.User, error)
}

// Config of a Teller; all fields but Post are required.
type Config struct {
	Log    eventstore.Reader
	Waiter Waiter
	Users  Users
	Post   Post // nil: there is no mail, and nobody is told
}

// Teller sends the notices. Safe for concurrent use.
type Teller struct{ Config }

// NewTeller returns a teller.
func NewTeller(c Config) (*Teller, error) {
	if c.Log == nil || c.Waiter == nil || c.Users == nil {
		return nil, errors.New("notices: Log, Waiter and Users are required")
	}
	return &Teller{c}, nil
}

// Kinds are the jobs of notices, for the workers.
func (t *Teller) Kinds() map[string]jobs.Kind {
	return map[string]jobs.Kind{kind: {Handle: t.handle, Workers: 4, PerTenant: 4}}
}

func (t *Teller) handle(ctx context.Context, d jobs.Delivery) error {
	var o order
	if err := json.Unmarshal(d.Payload, &o); err != nil {
		return jobs.Dead(fmt.Errorf("payload of job %s: %w", d.ID, err))
	}
	if t.Post == nil {
		return nil
	}
	first, said, err := t.read(ctx, o.Position)
	if err != nil || len(said) == 0 {
		return err
	}
	made, err := t.madeTheAccount(ctx, first)
	if err != nil || made {
		return err
	}
	id, err := uuid.Parse(first.Stream.ID)
	if err != nil {
		return jobs.Dead(fmt.Errorf("user %q has no UUID: %w", first.Stream.ID, err))
	}
	if err := t.Waiter.Wait(ctx, users.Name, eventstore.SystemTenant, first.Position); err != nil {
		return err
	}
	who, err := t.Users.Get(ctx, id)
	if errors.Is(err, users.ErrNotFound) {
		return jobs.Dead(err)
	}
	// Nothing goes to an address that may be somebody else's; erased people have none.
	if err != nil || !who.Verified || who.Email == "" || who.Status == string(user.StatusErased) {
		return err
	}
	meta, err := first.Meta()
	if err != nil {
		return err
	}
	return t.Post.Send(ctx, Notice{
		To: who.Email, Name: who.Name, At: first.RecordedAt, Changes: said, ByOther: meta.Actor != "user:"+id.String(), Key: meta.CommandID,
	})
}

// read returns the first event of a command and what its events changed: nothing, if
// they erase the person. They were appended together, so they follow one another.
func (t *Teller) read(ctx context.Context, position int64) (first eventstore.Event, said []string, err error) {
	page, err := t.Log.ReadLog(ctx, eventstore.SystemTenant, eventstore.LogQuery{After: position - 1, Limit: eventstore.MaxPage})
	if err != nil {
		return first, nil, err
	}
	if len(page.Events) == 0 || page.Events[0].Position != position {
		return first, nil, jobs.Dead(fmt.Errorf("there is no event at position %d", position))
	}
	first = page.Events[0]
	command, err := first.Meta()
	if err != nil {
		return first, nil, err
	}
	for _, e := range page.Events {
		meta, err := e.Meta()
		if err != nil {
			return first, nil, err
		}
		if e.Stream != first.Stream || meta.CommandID != command.CommandID {
			break
		}
		if e.Type == (user.Erased{}).EventType() {
			return first, nil, nil
		}
		if text := changes[e.Type]; text != "" && (len(said) == 0 || said[len(said)-1] != text) {
			said = append(said, text)
		}
	}
	return first, said, nil
}

// madeTheAccount reports whether the command of an event made the account, with
// what it has from the beginning.
func (t *Teller) madeTheAccount(ctx context.Context, e eventstore.Event) (bool, error) {
	begun, err := t.Log.ReadStream(ctx, eventstore.SystemTenant, e.Stream, eventstore.StreamQuery{Limit: 1})
	if err != nil || len(begun) == 0 {
		return false, err
	}
	command, err := e.Meta()
	if err != nil {
		return false, err
	}
	beginning, err := begun[0].Meta()
	return beginning.CommandID == command.CommandID, err
}
