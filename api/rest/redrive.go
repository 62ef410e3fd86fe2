package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"tansu.cloud/commands"
)

// RedriveResult counts.
type RedriveResult struct {
	Requested int  `json:"requested" doc:"How many re-drives were asked for." example:"50"`
	More      bool `json:"more" doc:"Whether more are left; send another request, with another Idempotency-Key." example:"true"`
}

type redriveOutput struct {
	Status    int
	Position  int64  `header:"Tansu-Position" doc:"The position in the log from which on all of it can be read." example:"42"`
	Replayed  string `header:"Idempotency-Replayed" doc:"true, if an earlier request with the same key asked for these." example:"true"`
	ReadModel string `header:"Tansu-Read-Model" doc:"pending, if it was not carried out in time; it will be." example:"pending"`
	Applied   string `header:"Preference-Applied" doc:"Which preference of Prefer was followed." example:"wait=5"`
	Body      RedriveResult
}

const redriveDefault = 50

// redrive is one command for each of many things.
type redrive[T, C, S any] struct {
	tenant    uuid.UUID
	limit     int
	find      func() (things []T, more bool, err error)
	handler   commands.Handler[C, S]
	order     func(T) order[C]
	readModel string
	gone      error // somebody has dealt with a thing in this moment
}

// send numbers the idempotency key through for the commands, so a repeat
// recognises that the first one is done.
func (r redrive[T, C, S]) send(ctx context.Context, s *server, h CommandHeaders) (*redriveOutput, error) {
	preferences, err := s.parsePrefer(h.Prefer)
	if err != nil {
		return nil, err
	}
	out := &redriveOutput{Status: http.StatusOK, Applied: preferences.applied()}
	if preferences.async {
		out.Status = http.StatusAccepted
	}
	before, position, err := s.sentBefore(ctx, h.IdempotencyKey, r.tenant, r.limit)
	if err != nil {
		return nil, err
	}
	things, more, err := r.find()
	if err != nil {
		return nil, err
	}
	if before > 0 {
		out.Replayed, out.Position, out.Body = "true", position, RedriveResult{Requested: before, More: len(things) > 0}
		return out, nil
	}
	out.Body.More = more
	headers := ChangeHeaders{CommandHeaders: CommandHeaders{IdempotencyKey: h.IdempotencyKey, Prefer: "respond-async"}}
	for _, thing := range things {
		o := r.order(thing)
		o.part = strconv.Itoa(out.Body.Requested)
		sent, err := send(ctx, s, r.handler, headers, http.StatusOK, o)
		if errors.Is(err, r.gone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Body.Requested++
		out.Position = max(out.Position, sent.Position)
	}
	if !preferences.async && out.Position > 0 && !s.settle(ctx, preferences, []string{r.readModel}, r.tenant, out.Position) {
		out.ReadModel = "pending"
	}
	return out, nil
}

// sentBefore counts the commands of an earlier request with the same key, and
// tells the position of the last.
func (s *server) sentBefore(ctx context.Context, key string, tenant uuid.UUID, limit int) (n int, position int64, err error) {
	once, err := idempotencyOf(key, "", callOf(ctx))
	if err != nil || once.key == "" {
		return 0, 0, err
	}
	for i := range limit {
		record, err := s.Log.IdempotencyRecord(ctx, tenant, once.part(strconv.Itoa(i)).key)
		if err != nil || record == nil {
			return n, position, err
		}
		if record.Fingerprint != once.fingerprint {
			return 0, 0, &commands.IdempotencyMismatch{Key: key}
		}
		n, position = i+1, max(position, record.Position)
	}
	return n, position, nil
}
