package projections

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
)

// Projection turns events into rows.
type Projection struct {
	// Name is for ever: it names the stream of its state and its schemas.
	Name string
	// Version rises when the meaning or the shape of the rows changes; a higher
	// version than the one that serves starts a rebuild. Until that is done the
	// old rows are served and not moved on, so queries of the new release must
	// cope with the old shape for that long (add columns, do not rename them).
	Version int
	// EveryTenant makes it read all tenants' logs; otherwise it reads the system
	// tenant's.
	EveryTenant bool
	// Types are the event types that Apply handles; others move the checkpoint.
	Types []string
	// EveryType lets Apply see the events of all other types too, undecoded, unless
	// it said [OwnTypesOnly].
	EveryType bool
	// Saga marks a projection that acts: Apply may also enqueue jobs (package
	// jobs; [AfterCommit] wakes their workers), and its transactions wait for the disk. What it did cannot be taken
	// back, so it is never rebuilt, and another Version changes nothing: tables
	// that change are changed by migrations. It begins with the beginning of each
	// log, but for the logs that are there when it starts for the first time, of
	// which it leaves out what they hold.
	Saga bool
	// DDL creates the tables in the schema that the search path names, and
	// Tables lists them. Each has a tenant_id and becomes a view in public. A
	// saga need not have any.
	DDL    string
	Tables []string
	// Apply writes what a batch changes, in few statements. It sees its own
	// generation's tables under their bare names, events in order of position,
	// and each event once. Unless it is a saga's it must do nothing but write rows. An error parks the
	// stream of the event that causes it, and the others are applied.
	Apply func(ctx context.Context, tx pgx.Tx, changes []Change) error
}

// TypesOf lists the types of an aggregate's events.
func TypesOf[E eventstore.Payload](events []E) []string {
	types := make([]string, len(events))
	for i, e := range events {
		types[i] = e.EventType()
	}
	return types
}

// Change is an event with its decoded payload, which is nil for types that the
// projection does not name.
type Change struct {
	Event   eventstore.Event
	Payload eventstore.Payload
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

func (p *Projection) validate() error {
	var problems []error
	bad := func(wrong bool, field, problem string) {
		if wrong {
			problems = append(problems, fmt.Errorf("projection %q: %s %s", p.Name, field, problem))
		}
	}
	bad(!validName.MatchString(p.Name), "Name", "must match "+validName.String())
	bad(p.Version < 1, "Version", "must be 1 or more")
	bad(len(p.Types) == 0 && !p.EveryType, "Types", "is empty; name the event types that Apply handles")
	none := p.DDL == "" && len(p.Tables) == 0
	bad((p.DDL == "" || len(p.Tables) == 0) && !(p.Saga && none), "DDL and Tables", "must create and list at least one table")
	bad(p.Apply == nil, "Apply", "is missing")
	return errors.Join(problems...)
}

// reads reports whether the projection looks at a tenant's log.
func (p *Projection) reads(tenant uuid.UUID) bool {
	return p.EveryTenant || tenant == eventstore.SystemTenant
}

// schema names the schema of one generation.
func (p *Projection) schema(generation int) string {
	return fmt.Sprintf("%s_g%d", p.Name, generation)
}
