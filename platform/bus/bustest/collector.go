package bustest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

const patience = time.Minute // of a loaded machine

// Collector acknowledges and keeps what subscriptions deliver.
type Collector struct {
	mu       sync.Mutex
	messages []*message.Message
	changed  chan struct{}
}

// Collect takes from subscriptions until they end.
func Collect(subscriptions ...<-chan *message.Message) *Collector {
	c := &Collector{changed: make(chan struct{}, 1)}
	for _, in := range subscriptions {
		go func() {
			for m := range in {
				c.mu.Lock()
				c.messages = append(c.messages, m)
				c.mu.Unlock()
				m.Ack()
				select {
				case c.changed <- struct{}{}:
				default:
				}
			}
		}()
	}
	return c
}

// IDs returns the ids of what was delivered, in order.
func (c *Collector) IDs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]string, len(c.messages))
	for i, m := range c.messages {
		all[i] = m.UUID
	}
	return all
}

// Messages returns what was delivered, in order.
func (c *Collector) Messages() []*message.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.messages)
}

// Await waits until there are n messages.
func (c *Collector) Await(t testing.TB, n int) *Collector {
	t.Helper()
	c.AwaitUntil(t, func(ids []string) bool { return len(ids) >= n })
	return c
}

// AwaitUntil waits until the ids of what was delivered are enough.
func (c *Collector) AwaitUntil(t testing.TB, enough func(ids []string) bool) {
	t.Helper()
	timeout := time.After(patience)
	for !enough(c.IDs()) {
		select {
		case <-c.changed:
		case <-timeout:
			require.FailNow(t, "messages are missing", "so far: %v", c.IDs())
		}
	}
}
