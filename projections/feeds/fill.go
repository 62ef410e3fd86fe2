package feeds

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
)

// work empties the inbox and closes the gap to the head that is known. If the
// log cannot be read it ends; the next message or the poll begins again.
func (t *tail) work() {
	for readable := true; ; {
		m, gap := t.next(readable)
		switch {
		case m != nil:
			t.receive(m)
		case gap:
			readable = t.fill(t.hub.quit)
		default:
			return
		}
	}
}

// next takes a message, or says that the log has to be read. With neither, the
// worker has ended.
func (t *tail) next(readable bool) (m *message.Message, gap bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.inbox) > 0 {
		m, t.inbox[0] = t.inbox[0], nil
		t.inbox = t.inbox[1:]
		t.inboxBytes -= len(m.Payload)
		return m, false
	}
	t.inbox = nil
	gap = readable && t.err == nil && t.head > t.last
	t.working = gap
	return nil, gap
}

// bounds returns the last position in the tail, which only the worker moves, and
// the head.
func (t *tail) bounds() (last, head int64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.last, t.head
}

// receive appends what continues the tail. Older events are known; after a gap
// the log is read, since what is missing may never come.
func (t *tail) receive(m *message.Message) {
	_, position, err := projections.MessageHead(m)
	if err != nil {
		t.hub.refuse(m, err)
		return
	}
	last, _ := t.bounds()
	if position <= last {
		return
	}
	events, err := projections.DecodeMessage(t.tenant, m)
	if err != nil {
		t.hub.refuse(m, err)
		return
	}
	known := last - (position - int64(len(events)))
	if len(events) == 0 || known < 0 {
		t.mu.Lock()
		t.head = max(t.head, position)
		t.mu.Unlock()
		return
	}
	t.extend(wrap(events[known:]))
}

// wrap makes entries that can go away one by one.
func wrap(events []eventstore.Event) []*Entry {
	entries := make([]*Entry, len(events))
	for i, e := range events {
		entries[i] = NewEntry(e)
	}
	return entries
}

// fill reads a page of what is missing, and reports whether to go on. A gap that
// is larger than the tail is left to the cursors.
func (t *tail) fill(ctx context.Context) bool {
	last, head := t.bounds()
	if size := int64(t.hub.config.TailEvents); head-last > size {
		known, err := t.hub.config.Log.Head(ctx, t.tenant) // what was said could be wrong
		if err != nil {
			return t.report(ctx, err)
		}
		t.lower(head, known.Position)
		if head = known.Position; head-last > size {
			last = head - size
			t.jump(last)
		}
	}
	events, err := t.hub.read(ctx, t.hub.config.Log, t.hub.tailPages, t.tenant, last, min(t.pace.next(), t.hub.config.TailEvents))
	if err != nil {
		return t.report(ctx, err)
	}
	t.failures = 0
	if len(events) == 0 {
		t.lower(head, last)
		return true
	}
	t.pace.learn(events, len(events))
	t.extend(wrap(events))
	return true
}

// lower corrects what was said about the head, unless more was said meanwhile.
func (t *tail) lower(said, head int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.head == said {
		t.head = max(head, t.last)
	}
}

// report ends the cursors if the log is corrupt; other failures pass. It logs
// them when they are new and then rarely.
func (t *tail) report(ctx context.Context, err error) (goOn bool) {
	if errors.As(err, new(*eventstore.CorruptLog)) {
		t.end(err)
		return false
	}
	if t.failures++; ctx.Err() == nil && t.failures&(t.failures-1) == 0 {
		t.hub.config.Logger.WarnContext(ctx, "feeds: reading the log failed", "tenant_id", t.tenant, "failures", t.failures, "error", err)
	}
	return false
}
