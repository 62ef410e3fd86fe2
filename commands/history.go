package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/wI2L/jsondiff"
	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

// History shows the states that aggregates had.
type History struct {
	pipeline *pipeline
	folds    map[string]fold // by stream type
}

// fold returns an aggregate's state at a version, as JSON.
type fold func(ctx context.Context, tenant uuid.UUID, id string, version int64) (json.RawMessage, error)

// NewHistory returns the history of every aggregate.
func NewHistory(d Deps) *History {
	p := newPipeline(d)
	return &History{p, map[string]fold{
		tenants.streamType:         foldOf(p, tenants),
		projections.streamType:     foldOf(p, projections),
		subjects.streamType:        foldOf(p, subjects),
		webhooks.streamType:        foldOf(p, webhooks),
		spaces.streamType:          foldOf(p, spaces),
		jobs.streamType:            foldOf(p, jobs),
		users.streamType:           foldOf(p, users),
		sessions.streamType:        foldOf(p, sessions),
		clients.streamType:         foldOf(p, clients),
		members.streamType:         foldOf(p, members),
		ownerships.streamType:      foldOf(p, ownerships),
		roles.streamType:           foldOf(p, roles),
		invites.streamType:         foldOf(p, invites),
		apiKeys.streamType:         foldOf(p, apiKeys),
		serviceAccounts.streamType: foldOf(p, serviceAccounts),
		providers.streamType:       foldOf(p, providers),
		mailDomains.streamType:     foldOf(p, mailDomains),
	}}
}

func foldOf[S, C any, E eventstore.Payload](p *pipeline, agg aggregate[S, C, E]) fold {
	return func(ctx context.Context, tenant uuid.UUID, id string, version int64) (json.RawMessage, error) {
		l, err := load(ctx, p, agg, tenant, id, version)
		if err != nil {
			return nil, err
		}
		return json.Marshal(l.state)
	}
}

// Moment says when to look at an aggregate: at a version, or at a time. The
// zero Moment is the newest version.
type Moment struct {
	Version int64
	At      time.Time
}

// PastState is an aggregate after one of its events.
type PastState struct {
	Version    int64           `json:"version"`
	RecordedAt time.Time       `json:"recorded_at"` // of that event
	State      json.RawMessage `json:"state"`
}

// Difference is what lies between two states; Patch (RFC 6902) turns the first
// into the second.
type Difference struct {
	From  PastState       `json:"from"`
	To    PastState       `json:"to"`
	Patch json.RawMessage `json:"patch"`
}

var (
	errStreamNotFound  = domain.NotFound("stream.not_found", "there is no such stream")
	errVersionNotFound = domain.NotFound("stream.version_not_found", "the stream has not reached this version")
	errMomentNotFound  = domain.NotFound("stream.not_found", "the stream did not exist at this time")
	errMomentInvalid   = domain.Invalid("stream.moment_invalid", "give either a version of 1 or more or a time",
		domain.FieldError{Field: "/version", Code: "out_of_range", Message: "must be 1 or more, and the only one"})
)

// StateAt returns an aggregate's state at a moment.
func (h *History) StateAt(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, at Moment) (PastState, error) {
	var none PastState
	state, known := h.folds[stream.Type]
	if !known || !canExist(stream.ID) {
		return none, errStreamNotFound
	}
	if at.Version < 0 || at.Version > 0 && !at.At.IsZero() {
		return none, errMomentInvalid
	}
	last, err := h.pipeline.store.ReadStream(ctx, tenant, stream, eventstore.StreamQuery{
		Backwards: true, Limit: 1, ToVersion: at.Version, ToTime: at.At,
	})
	switch {
	case err != nil:
		return none, fmt.Errorf("reading %s: %w", stream, err)
	case len(last) == 0 && !at.At.IsZero():
		return none, errMomentNotFound
	case len(last) == 0:
		return none, errStreamNotFound
	case at.Version > last[0].Version:
		return none, errVersionNotFound
	}
	past := PastState{Version: last[0].Version, RecordedAt: last[0].RecordedAt}
	past.State, err = state(ctx, tenant, stream.ID, past.Version)
	return past, err
}

// Diff returns an aggregate's states at two moments and the patch between them.
func (h *History) Diff(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, from, to Moment) (Difference, error) {
	var d Difference
	var err error
	if d.From, err = h.StateAt(ctx, tenant, stream, from); err != nil {
		return d, err
	}
	if d.To, err = h.StateAt(ctx, tenant, stream, to); err != nil {
		return d, err
	}
	d.Patch, err = patch(d.From.State, d.To.State)
	return d, err
}

func patch(from, to json.RawMessage) (json.RawMessage, error) {
	operations, err := jsondiff.CompareJSON(from, to, jsondiff.UnmarshalFunc(unmarshalExact))
	if err != nil || len(operations) == 0 {
		return json.RawMessage("[]"), err
	}
	return json.Marshal(operations)
}

// unmarshalExact keeps numbers as they are written.
func unmarshalExact(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}
