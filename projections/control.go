package projections

import (
	"context"

	"github.com/google/uuid"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
)

// Control changes what stands in the log about a projection. The runner sends
// these commands, each of which may be repeated without harm.
type Control interface {
	StartRebuild(ctx context.Context, name string, c projection.StartRebuild) error
	CancelRebuild(ctx context.Context, name string, c projection.CancelRebuild) error
	SwitchProjection(ctx context.Context, name string, c projection.Switch) error
	ParkStream(ctx context.Context, name string, c projection.ParkStream) error
	ResolveStream(ctx context.Context, name string, c projection.ResolveStream) error
}

// Decoder turns events into payloads; *eventstore.Codec is one.
type Decoder interface {
	Decode(ctx context.Context, e eventstore.Event) (eventstore.Payload, error)
}

// desired is what a projection should be doing: the fold of its stream in the
// system tenant's log, read on from where it was read last.
type desired struct {
	stream  eventstore.Stream
	version int64
	state   projection.State
}

func newDesired(name string) desired {
	return desired{stream: eventstore.Stream{Type: projection.StreamType, ID: name}}
}

func (d *desired) refresh(ctx context.Context, log eventstore.Reader, decoder Decoder) error {
	for {
		events, err := log.ReadStream(ctx, eventstore.SystemTenant, d.stream, eventstore.StreamQuery{After: d.version})
		if err != nil {
			return err
		}
		for _, e := range events {
			payload, err := decoder.Decode(ctx, e)
			if err != nil {
				return err
			}
			if p, ok := payload.(projection.Event); ok {
				d.state = projection.Apply(d.state, p)
			}
			d.version = e.Version
		}
		if len(events) < eventstore.MaxPage {
			return nil
		}
	}
}

// deadLetterSpace makes ids of dead letters: the same failure in the same
// generation has the same id, however often it is reported.
var deadLetterSpace = uuid.MustParse("6c0e3f7e-5a0f-4f0b-9d63-2b3c1d0f8a51")

func deadLetterID(projection string, generation int, e *eventstore.Event) uuid.UUID {
	key := append([]byte(projection), 0, byte(generation>>24), byte(generation>>16), byte(generation>>8), byte(generation))
	return uuid.NewSHA1(deadLetterSpace, append(key, e.ID[:]...))
}
