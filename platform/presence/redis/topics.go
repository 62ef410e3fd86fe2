package redis

import (
	"sync"

	"tansu.cloud/platform/presence"
)

// topics are the channels with listeners here.
type topics struct {
	mu        sync.Mutex
	byChannel map[presence.Channel]*topic
	changed   map[*topic]bool // may have to be subscribed or unsubscribed
	wake      chan struct{}   // has a value when there are such
}

func newTopics() *topics {
	return &topics{byChannel: map[presence.Channel]*topic{}, changed: map[*topic]bool{}, wake: make(chan struct{}, 1)}
}

// enter counts a listener.
func (ts *topics) enter(ch presence.Channel) *topic {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.byChannel[ch]
	if t == nil {
		t = &topic{channel: ch, known: map[string]presence.Member{}, filled: make(chan struct{})}
		ts.byChannel[ch] = t
		ts.change(t)
	}
	t.listeners++
	return t
}

// exit counts a listener that is gone.
func (ts *topics) exit(t *topic) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.listeners--; t.listeners > 0 {
		return
	}
	if t.subscribed {
		ts.change(t)
	} else {
		ts.remove(t)
	}
}

func (ts *topics) change(t *topic) {
	ts.changed[t] = true
	select {
	case ts.wake <- struct{}{}:
	default:
	}
}

func (ts *topics) remove(t *topic) {
	delete(ts.byChannel, t.channel)
	delete(ts.changed, t)
}

// take returns what has changed: topics to subscribe, and those, forgotten by
// now, to unsubscribe.
func (ts *topics) take() (wanted, unwanted []*topic) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for t := range ts.changed {
		switch {
		case t.listeners > 0 && !t.subscribed:
			t.subscribed = true
			wanted = append(wanted, t)
		case t.listeners == 0 && t.subscribed:
			ts.remove(t)
			unwanted = append(unwanted, t)
		}
	}
	clear(ts.changed)
	return wanted, unwanted
}

// disconnected: nothing is subscribed any more.
func (ts *topics) disconnected() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.byChannel {
		t.subscribed = false
		if t.listeners > 0 {
			ts.change(t)
		} else {
			ts.remove(t)
		}
	}
}

func (ts *topics) all() []*topic {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var all []*topic
	for _, t := range ts.byChannel {
		all = append(all, t)
	}
	return all
}

func (ts *topics) find(ch presence.Channel) *topic {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.byChannel[ch]
}

// known lists the members of other processes that listeners here know of.
func (ts *topics) known(ch presence.Channel) []presence.Member {
	if t := ts.find(ch); t != nil {
		return t.members()
	}
	return nil
}
