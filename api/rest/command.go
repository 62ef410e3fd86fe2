package rest

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
)

// CommandHeaders are accepted by every command.
type CommandHeaders struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"Makes repeats of the request take effect once; 1 to 255 visible characters." example:"6f1c2a9e-create-acme"`
	Prefer         string `header:"Prefer" doc:"wait=N: wait up to N seconds (at most 30) for the read models. respond-async: answer 202 at the commit." example:"wait=5"`
}

// ChangeHeaders are accepted by every command on something that exists.
type ChangeHeaders struct {
	CommandHeaders
	IfMatch string `header:"If-Match" doc:"The ETag that must still be the present one." example:"\"3\""`
}

// Written are the headers with which a command answers.
type Written struct {
	ETag      string `header:"ETag" doc:"The version of the stream, in quotes." example:"\"3\""`
	Position  int64  `header:"Tansu-Position" doc:"The position in the tenant's log from which on the change can be read." example:"42"`
	Replayed  string `header:"Idempotency-Replayed" doc:"true, if this is the stored answer of an earlier request with the same key." example:"true"`
	ReadModel string `header:"Tansu-Read-Model" doc:"pending, if the read models did not show the change in time; it is committed all the same." example:"pending"`
	Applied   string `header:"Preference-Applied" doc:"Which preference of Prefer was followed." example:"wait=5"`
}

// order is a command on its way to its handler.
type order[C any] struct {
	tenant     uuid.UUID         // whose log
	stream     eventstore.Stream // without id for a new aggregate
	command    C
	readModels []string // those that the routes about the aggregate serve
	part       string   // tells the commands of one request apart
	self       bool     // on what is the caller's own
	mailDomain bool     // on a domain of the provider that the route is about
}

// outcome is a carried out command.
type outcome[S any] struct {
	Written
	status  int
	state   S
	version int64
}

// send carries out a command and waits until it can be read.
func send[C, S any](ctx context.Context, s *server, handler commands.Handler[C, S], h ChangeHeaders, status int, o order[C]) (outcome[S], error) {
	var none outcome[S]
	preferences, err := s.parsePrefer(h.Prefer)
	if err != nil {
		return none, err
	}
	c := callOf(ctx)
	once, err := idempotencyOf(h.IdempotencyKey, h.IfMatch, c)
	if err != nil {
		return none, err
	}
	if o.part != "" {
		once = once.part(o.part)
	}
	expected, err := s.expected(ctx, h.IfMatch, o.tenant, o.stream)
	if err != nil {
		return none, err
	}
	result, err := handler(ctx, commands.Request[C]{
		Tenant: o.tenant, Stream: o.stream.ID, Command: o.command, Expected: expected,
		IdempotencyKey: once.key, Fingerprint: once.fingerprint,
		Caller: commands.Caller{
			Actor: c.actor, Address: c.address, CorrelationID: middleware.From(ctx).RequestID,
			Permissions: func(name string) bool {
				return o.self && name == permission.Self || o.mailDomain && name == commands.PermissionHoldMailDomains ||
					c.principal.Permitted(o.tenant, name)
			},
		},
	})
	if err != nil {
		return none, conditional(err, h.IfMatch)
	}
	out := outcome[S]{status: status, state: result.State, version: result.Version, Written: Written{
		ETag: etag(result.Version), Position: result.Position, Applied: preferences.applied(),
	}}
	if result.Replayed {
		out.Replayed = "true"
	}
	switch {
	case preferences.async:
		out.status = http.StatusAccepted
	case !s.settle(ctx, preferences, o.readModels, o.tenant, result.Position):
		out.ReadModel = "pending"
	}
	return out, nil
}

// conditional turns a conflict with the version in If-Match into the answer to
// that header.
func conditional(err error, ifMatch string) error {
	var conflict *eventstore.VersionConflict
	if ifMatch == "" || !errors.As(err, &conflict) {
		return err
	}
	if conflict.Actual == 0 {
		return problem.New(problem.NotFound, "There is no such thing; check the id in the path.")
	}
	return preconditionFailed(etag(conflict.Actual))
}
