package feeds

import (
	"context"
	"time"
)

// Poll makes one safety poll.
func (h *Hub) Poll(ctx context.Context) error { return h.poll(ctx) }

// Retire lets tails go that have been idle for the duration.
func (h *Hub) Retire(idle time.Duration) { h.retire(time.Now().Add(h.linger - idle)) }

// TailBytes is the metric tansu.feed.tail.bytes, Tails is tansu.feed.tails.
func (h *Hub) TailBytes() int64 { return h.bytes.Load() }

func (h *Hub) Tails() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.tails)
}
