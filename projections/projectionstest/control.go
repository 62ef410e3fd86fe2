// Package projectionstest lets tests run projections without the use cases that
// the program has for them.
package projectionstest

import (
	"context"
	"errors"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
)

// Control carries the runner's commands out on the log. Its codec knows the
// events of projections.
type Control struct {
	Store eventstore.Store
	Codec *eventstore.Codec
}

var _ projections.Control = Control{}

// StartRebuild implements projections.Control.
func (c Control) StartRebuild(ctx context.Context, name string, d projection.StartRebuild) error {
	return c.Do(ctx, name, d)
}

// CancelRebuild implements projections.Control.
func (c Control) CancelRebuild(ctx context.Context, name string, d projection.CancelRebuild) error {
	return c.Do(ctx, name, d)
}

// SwitchProjection implements projections.Control.
func (c Control) SwitchProjection(ctx context.Context, name string, d projection.Switch) error {
	return c.Do(ctx, name, d)
}

// ParkStream implements projections.Control.
func (c Control) ParkStream(ctx context.Context, name string, d projection.ParkStream) error {
	return c.Do(ctx, name, d)
}

// ResolveStream implements projections.Control.
func (c Control) ResolveStream(ctx context.Context, name string, d projection.ResolveStream) error {
	return c.Do(ctx, name, d)
}

// Do carries out a command, of the runner or of people.
func (c Control) Do(ctx context.Context, name string, command projection.Command) error {
	for {
		state, version, err := c.load(ctx, name)
		if err != nil {
			return err
		}
		events, err := projection.Decide(state, command)
		if err != nil || len(events) == 0 {
			return err
		}
		w := eventstore.StreamWrite{Stream: eventstore.Stream{Type: projection.StreamType, ID: name}, Expected: version}
		for _, event := range events {
			encoded, err := c.Codec.Encode(ctx, eventstore.SystemTenant, event)
			if err != nil {
				return err
			}
			w.Events = append(w.Events, encoded)
		}
		_, err = c.Store.Append(ctx, eventstore.Append{TenantID: eventstore.SystemTenant, Writes: []eventstore.StreamWrite{w}})
		if !errors.As(err, new(*eventstore.VersionConflict)) {
			return err
		}
	}
}

// State is what stands in the log about a projection.
func (c Control) State(ctx context.Context, name string) (projection.State, error) {
	state, _, err := c.load(ctx, name)
	return state, err
}

func (c Control) load(ctx context.Context, name string) (state projection.State, version int64, err error) {
	events, err := c.Store.ReadStream(ctx, eventstore.SystemTenant, eventstore.Stream{Type: projection.StreamType, ID: name}, eventstore.StreamQuery{})
	for _, event := range events {
		payload, err := c.Codec.Decode(ctx, event)
		if err != nil {
			return state, version, err
		}
		state, version = projection.Apply(state, payload.(projection.Event)), event.Version
	}
	return state, version, err
}
