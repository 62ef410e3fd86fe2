package redis

import (
	"maps"
	"reflect"
	"slices"
	"sync"

	"tansu.cloud/platform/presence"
)

// maxHeld is how many messages of a channel wait while its members are listed.
const maxHeld = 1000

// topic is a channel with listeners here.
type topic struct {
	channel presence.Channel

	// Guarded by topics.
	listeners  int
	subscribed bool

	mu sync.Mutex
	// known are the members of other processes that the listeners have been told of.
	known map[string]presence.Member
	// While filling, what arrives is held, so that it comes after the list.
	filling    bool
	held       []presence.Message
	missed     bool  // more came than is held
	connection int64 // whose messages count
	filled     chan struct{}
}

// begin holds what arrives by a new connection.
func (t *topic) begin(connection int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.filling, t.held, t.missed, t.connection = true, nil, false, connection
}

// receive takes a message that has arrived and reports whether it is to be
// delivered now.
func (t *topic) receive(connection int64, m presence.Message) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case connection != t.connection:
		return false
	case !t.filling:
		t.note(m)
		return true
	case len(t.held) < maxHeld:
		t.held = append(t.held, m)
	default:
		t.missed = true
	}
	return false
}

func (t *topic) note(m presence.Message) {
	switch m.Kind {
	case presence.KindJoined:
		t.known[m.Member.ID] = m.Member
	case presence.KindLeft:
		delete(t.known, m.Member.ID)
	}
}

// settle makes the listeners know the members of a list, and nobody else, then
// what has been held. It reports false if messages were missed meanwhile and the
// list is needed again.
func (t *topic) settle(members []presence.Member, deliver func(presence.Message)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass(t.differences(members), deliver)
	for len(t.held) > 0 {
		held := t.held
		t.held = nil
		t.pass(held, deliver)
	}
	if t.missed {
		t.missed = false
		return false
	}
	t.end()
	return true
}

// giveUp passes on what has been held: there will be no list on this connection.
func (t *topic) giveUp(deliver func(presence.Message)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.held) > 0 {
		held := t.held
		t.held = nil
		t.pass(held, deliver)
	}
	t.end()
}

func (t *topic) end() {
	t.filling = false
	select {
	case <-t.filled:
	default:
		close(t.filled)
	}
}

// pass delivers without holding the lock.
func (t *topic) pass(messages []presence.Message, deliver func(presence.Message)) {
	for _, m := range messages {
		t.note(m)
	}
	t.mu.Unlock()
	defer t.mu.Lock()
	for _, m := range messages {
		deliver(m)
	}
}

// differences lists what leads from the known members to these.
func (t *topic) differences(members []presence.Member) (messages []presence.Message) {
	there := map[string]bool{}
	for _, m := range members {
		there[m.ID] = true
		if before, known := t.known[m.ID]; !known || !reflect.DeepEqual(before, m) {
			messages = append(messages, presence.Message{Kind: presence.KindJoined, Member: m})
		}
	}
	for id, m := range t.known {
		if !there[id] {
			messages = append(messages, presence.Message{Kind: presence.KindLeft, Member: m})
		}
	}
	return messages
}

// forget takes leave of all members of other processes.
func (t *topic) forget(deliver func(presence.Message)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass(t.differences(nil), deliver)
}

func (t *topic) members() []presence.Member {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.known))
}
