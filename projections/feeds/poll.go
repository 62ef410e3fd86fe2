package feeds

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// pollTimeout bounds the query of one poll.
const pollTimeout = 5 * time.Second

// pollRegularly finds what messages did not tell, and lets tails go.
func (h *Hub) pollRegularly(ctx context.Context) {
	ticker := time.NewTicker(h.config.PollInterval)
	defer ticker.Stop()
	for failed := false; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		h.retire(time.Now())
		err := h.poll(ctx)
		if err != nil && ctx.Err() == nil && !failed {
			h.config.Logger.WarnContext(ctx, "feeds: the safety poll fails", "error", err)
		}
		failed = err != nil
	}
}

// poll asks for the heads of all watched tenants at once.
func (h *Hub) poll(ctx context.Context) error {
	tails := map[uuid.UUID]*tail{}
	var watched []uuid.UUID
	h.mu.RLock()
	for id, t := range h.tails {
		if t.users > 0 {
			tails[id] = t
			watched = append(watched, id)
		}
	}
	h.mu.RUnlock()
	if len(watched) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	heads, err := h.config.HeadsOf(ctx, watched)
	for _, head := range heads {
		if t := tails[head.TenantID]; t != nil {
			t.aim(head.Position)
			delete(tails, head.TenantID)
		}
	}
	for _, t := range tails {
		t.aim(0) // a page that could not be read may be read now
	}
	return err
}

// retire lets tails go that nobody has used for a while.
func (h *Hub) retire(now time.Time) {
	var gone []*tail
	h.mu.Lock()
	for id, t := range h.tails {
		if t.users == 0 && now.Sub(t.idleSince) >= h.linger {
			delete(h.tails, id)
			gone = append(gone, t)
		}
	}
	h.mu.Unlock()
	for _, t := range gone {
		t.end(ErrClosed)
	}
}
