package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/readmodels/webhooks"
)

// IDPath names one thing.
type IDPath struct {
	ID string `path:"id" maxLength:"36" doc:"Its id, a UUID." example:"01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
}

// uuid returns the id; without one there can be no such thing.
func (p IDPath) uuid(missing error) (uuid.UUID, error) {
	id, err := uuid.Parse(p.ID)
	if err != nil {
		return uuid.Nil, missing
	}
	return id, nil
}

// changed is the answer to a command: the thing as it is then.
type changed[T any] struct {
	Status int
	Written
	Body T
}

// created is the answer to a command that makes a thing.
type created[T any] struct {
	Status int
	Written
	Location string `header:"Location" doc:"Where it can be read." example:"/v1/members/01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	Body     T
}

// deletedOutput is the answer to a command that ends a thing.
type deletedOutput struct {
	Status int
	Written
}

// found is the answer to a read of one thing.
type found[T any] struct {
	Status int
	ETag   string `header:"ETag" doc:"The version of its stream, in quotes." example:"\"3\""`
	Body   T
}

// listed is the answer to a read of many things.
type listed[T any] struct {
	PageHeaders
	Body T
}

// oneInput asks for one thing.
type oneInput struct {
	IDPath
	ReadHeaders
	ConditionalHeaders
}

// PageQuery selects a page.
type PageQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The most items of a page." example:"50"`
	Cursor string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before, with the same filters." example:"Zm9v"`
}

// MakerQuery selects by who made something.
type MakerQuery struct {
	CreatedBy string `query:"created_by" maxLength:"1024" doc:"Only what this principal made." example:"user:01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
}

// from opens the cursor of a page; nil is the first page.
func (s *server) from(q PageQuery, query []string) (*page.Cursor, error) {
	if q.Cursor == "" {
		return nil, nil
	}
	b, err := s.cursors.open(q.Cursor, query...)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339Nano, b.Sort)
	return &page.Cursor{At: at, ID: b.ID}, err
}

// following is how to get what follows a page: its cursor and its Link header,
// which are empty if nothing does.
func following[R interface{ Cursor() page.Cursor }](s *server, c *call, found []R, more bool, query []string) (cursor, link string) {
	if !more {
		return "", ""
	}
	last := found[len(found)-1].Cursor()
	cursor = s.cursors.seal(bookmark{Sort: last.At.UTC().Format(time.RFC3339Nano), ID: last.ID}, query...)
	return cursor, nextLink(c, cursor)
}

// oneOf answers with one thing, unless the client has it already.
func oneOf[T any](h ConditionalHeaders, version int64, body T) (*found[T], error) {
	out := &found[T]{Status: http.StatusOK, ETag: etag(version), Body: body}
	unchanged, err := notModified(h.IfMatch, h.IfNoneMatch, out.ETag)
	if unchanged {
		out.Status = http.StatusNotModified
	}
	return out, err
}

// target is what the commands of an area are about.
type target struct {
	streamType string
	readModel  string
	missing    error // there is no such thing
}

// asked waits until the read model knows what is asked for, and returns its id.
func (s *server) asked(ctx context.Context, in *oneInput, t target) (uuid.UUID, error) {
	id, err := in.uuid(t.missing)
	if err != nil {
		return uuid.Nil, err
	}
	return id, s.awaitReadModel(ctx, in.ReadHeaders, t.readModel, callOf(ctx).tenant)
}

// sendTo sends a command about something that exists.
func sendTo[C, S any](ctx context.Context, s *server, t target, path IDPath, handler commands.Handler[C, S], h ChangeHeaders, command C) (outcome[S], error) {
	id, err := path.uuid(t.missing)
	if err != nil {
		return outcome[S]{}, err
	}
	return sendToName(ctx, s, t, id.String(), handler, h, command)
}

// sendToName sends a command about something whose id is not a UUID.
func sendToName[C, S any](ctx context.Context, s *server, t target, id string, handler commands.Handler[C, S], h ChangeHeaders, command C) (outcome[S], error) {
	return send(ctx, s, handler, h, http.StatusOK, order[C]{
		tenant: callOf(ctx).tenant, stream: eventstore.Stream{Type: t.streamType, ID: id}, command: command,
		readModels: []string{t.readModel},
	})
}

// sendNew sends a command that makes something, under an id if it has one.
func sendNew[C, S any](ctx context.Context, s *server, t target, id string, handler commands.Handler[C, S], h CommandHeaders, command C) (outcome[S], error) {
	return send(ctx, s, handler, ChangeHeaders{CommandHeaders: h}, http.StatusCreated, order[C]{
		tenant: callOf(ctx).tenant, stream: eventstore.Stream{Type: t.streamType, ID: id}, command: command,
		readModels: []string{t.readModel},
	})
}

// deleted answers a command that ends something.
func deleted[S any](sent outcome[S], err error) (*deletedOutput, error) {
	if err != nil {
		return nil, err
	}
	if sent.status == http.StatusOK {
		sent.status = http.StatusNoContent
	}
	return &deletedOutput{sent.status, sent.Written}, nil
}

// missingAs turns the not-found errors of the read models into that of a domain.
func missingAs(err, domain error) error {
	for _, missing := range []error{
		access.ErrNotFound, clients.ErrNotFound, deadletters.ErrNotFound, tenantdirectory.ErrNotFound, users.ErrNotFound, webhooks.ErrNotFound,
	} {
		if errors.Is(err, missing) {
			return domain
		}
	}
	return err
}

// never is a time of the answer that does not come.
func never(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// listOf is a list that is not null.
func listOf[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// tidy does what follows a command outside the log. The command has taken effect
// all the same, so a failure is for the server's log.
func (s *server) tidy(ctx context.Context, what string, err error) {
	if err != nil {
		s.Logger.WarnContext(ctx, what, "actor", callOf(ctx).actor, "tenant_id", callOf(ctx).tenant, "error", err)
	}
}

// unavailable is the answer when a command took effect but not what follows it.
func unavailable(detail string) error {
	return problem.New(problem.Unavailable, detail).WithHeader("Retry-After", "1")
}
