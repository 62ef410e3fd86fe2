package bustest

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// What Chaos does to messages.
const (
	dropped    = 0.1 // of all
	duplicated = 0.2
	held       = 8                    // messages that overtake each other
	idle       = 2 * time.Millisecond // after which what is held is let go
)

// Chaos subscribes through another subscriber and drops, duplicates and
// reorders what comes, by chance that depends on the seed. It acknowledges
// everything at once, so that what it drops is lost.
func Chaos(from message.Subscriber, seed uint64) message.Subscriber {
	return &chaos{from: from, seed: seed}
}

type chaos struct {
	from message.Subscriber
	seed uint64

	mu            sync.Mutex
	subscriptions uint64
}

// Subscribe implements message.Subscriber.
func (c *chaos) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	in, err := c.from.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.subscriptions++
	random := rand.New(rand.NewPCG(c.seed, c.subscriptions))
	c.mu.Unlock()
	received, out := make(chan *message.Message), make(chan *message.Message)
	go func() {
		defer close(received)
		for m := range in {
			m.Ack() // a publisher that waits for it may send the next one meanwhile
			select {
			case received <- m:
			case <-ctx.Done():
			}
		}
	}()
	go func() {
		defer close(out)
		shuffle(ctx, random, received, out)
	}()
	return out, nil
}

// Close implements message.Subscriber.
func (c *chaos) Close() error { return c.from.Close() }

func shuffle(ctx context.Context, random *rand.Rand, in <-chan *message.Message, out chan<- *message.Message) {
	var waiting []*message.Message
	// release lets one message go, not the oldest one in particular.
	release := func() {
		i := random.IntN(len(waiting))
		m := waiting[i]
		waiting[i] = waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		m.SetContext(ctx)
		select {
		case out <- m:
		case <-ctx.Done():
			return
		}
		select {
		case <-m.Acked():
		case <-m.Nacked(): // and lost
		case <-ctx.Done():
		}
	}
	quiet := time.NewTimer(idle)
	defer quiet.Stop()
	for {
		select {
		case m, open := <-in:
			if !open {
				return
			}
			switch chance := random.Float64(); {
			case chance < dropped:
			case chance < dropped+duplicated:
				waiting = append(waiting, m.Copy(), m.Copy())
			default:
				waiting = append(waiting, m.Copy())
			}
			for len(waiting) > held {
				release()
			}
		case <-quiet.C:
			for len(waiting) > 0 && ctx.Err() == nil {
				release()
			}
		}
		quiet.Reset(idle)
	}
}
