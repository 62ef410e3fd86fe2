package commands

import (
	"errors"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

// maxRecalled is how many aggregates a process remembers: some megabytes, since
// what an aggregate may hold is bounded by its own decisions.
const maxRecalled = 4_096

// aggregateKey names an aggregate of a tenant.
type aggregateKey struct {
	tenant uuid.UUID
	stream eventstore.Stream
}

// recalled holds aggregates as this process last left them, each a loaded[S]. An
// aggregate is a value and Apply copies what it changes, so many commands may
// decide on one at once. What another process did since is missing from it, so
// only events that the log took prove a decision; everything else is decided
// again on the log. What is personal is not remembered: erasing it leaves nothing.
type recalled struct {
	states *lru.Cache[aggregateKey, any]
}

func newRecalled() recalled {
	states, err := lru.New[aggregateKey, any](maxRecalled)
	if err != nil {
		panic(err) // only for a size below one
	}
	return recalled{states}
}

// recall returns an aggregate as it was last left here, and whether it is known.
func recall[S any](p *pipeline, tenant uuid.UUID, stream eventstore.Stream) (loaded[S], bool) {
	l, known := p.recalled.states.Get(aggregateKey{tenant, stream})
	if !known {
		return loaded[S]{}, false
	}
	return l.(loaded[S]), true
}

func (r recalled) keep(tenant uuid.UUID, stream eventstore.Stream, l any) {
	r.states.Add(aggregateKey{tenant, stream}, l)
}

func (r recalled) forget(tenant uuid.UUID, stream eventstore.Stream) {
	r.states.Remove(aggregateKey{tenant, stream})
}

// errUnchanged: an aggregate that was recalled has nothing to change.
var errUnchanged = errors.New("nothing to change in what is remembered")

// outdated reports outcomes that may only be due to what a remembered aggregate
// lacks.
func outdated(err error) bool {
	var conflict *eventstore.VersionConflict
	var taken *eventstore.ClaimTaken
	var refusal *domain.Error
	return errors.Is(err, errUnchanged) || errors.As(err, &conflict) || errors.As(err, &taken) || errors.As(err, &refusal)
}

// expects reports whether a version is one that the caller decided upon.
func (r Request[In]) expects(version int64) bool {
	return r.Expected == eventstore.AnyVersion || r.Expected == version
}
