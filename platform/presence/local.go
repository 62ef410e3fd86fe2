package presence

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/google/uuid"
)

// shards divide the tenants, so that they do not wait for each other.
const shards = 32

// Local serves one process. A message is delivered by the goroutine that sends
// it, after all locks are released: this keeps each sender's order, makes a
// sender wait for its own fan-out only, and lets fn call back.
type Local struct{ shards [shards]shard }

var _ Channels = (*Local)(nil)

// NewLocal returns channels without members.
func NewLocal() *Local {
	l := &Local{}
	for i := range l.shards {
		l.shards[i].tenants = map[uuid.UUID]*tenant{}
	}
	return l
}

func (l *Local) shard(c Channel) *shard { return &l.shards[c.Tenant[len(c.Tenant)-1]%shards] }

// Join implements Channels.
func (l *Local) Join(_ context.Context, c Channel, m Member) error {
	announce, err := l.Put(c, m)
	if err != nil {
		return err
	}
	announce()
	return nil
}

// Put is Join without the announcement, which the caller makes.
func (l *Local) Put(c Channel, m Member) (announce func(), err error) {
	if err := cmp.Or(c.Check(), m.Check()); err != nil {
		return nil, err
	}
	s := l.shard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	listeners, err := s.join(c, m)
	if err != nil {
		return nil, err
	}
	return func() { deliver(listeners, Message{Kind: KindJoined, Member: m}) }, nil
}

// Leave implements Channels.
func (l *Local) Leave(_ context.Context, c Channel, memberID string) error {
	if _, announce := l.Take(c, memberID); announce != nil {
		announce()
	}
	return nil
}

// Take is Leave without the announcement, which the caller makes. It is nil if
// there was no such member.
func (l *Local) Take(c Channel, memberID string) (m Member, announce func()) {
	s := l.shard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, r := s.find(c)
	m, known := r.memberOf(memberID)
	if !known {
		return m, nil
	}
	delete(r.members, memberID)
	if len(r.members) == 0 {
		t.occupied--
	}
	listeners := r.listeners
	s.tidy(c, t, r)
	return m, func() { deliver(listeners, Message{Kind: KindLeft, Member: m}) }
}

// Members implements Channels.
func (l *Local) Members(_ context.Context, c Channel) ([]Member, error) {
	s := l.shard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, r := s.find(c)
	if r == nil {
		return nil, nil
	}
	return slices.SortedFunc(maps.Values(r.members), func(a, b Member) int { return cmp.Compare(a.ID, b.ID) }), nil
}

// Broadcast implements Channels.
func (l *Local) Broadcast(_ context.Context, c Channel, from Member, data json.RawMessage) error {
	if err := cmp.Or(c.Check(), CheckData(data)); err != nil {
		return err
	}
	l.Deliver(c, Message{Kind: KindBroadcast, Member: from, Data: data})
	return nil
}

// Deliver passes a message on to who listens here and changes no membership.
func (l *Local) Deliver(c Channel, m Message) {
	s := l.shard(c)
	s.mu.Lock()
	var listeners []*listener
	if _, r := s.find(c); r != nil {
		listeners = r.listeners
	}
	s.mu.Unlock()
	deliver(listeners, m)
}

// Listen implements Channels.
func (l *Local) Listen(c Channel, fn func(Message)) (stop func()) {
	added := &listener{fn}
	s := l.shard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, r := s.create(c)
	r.listeners = append(slices.Clip(r.listeners), added)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		t, r := s.find(c)
		if r == nil {
			return // stopped before
		}
		r.listeners = slices.DeleteFunc(slices.Clone(r.listeners), func(l *listener) bool { return l == added })
		s.tidy(c, t, r)
	}
}

// Occupied lists the channels that have members.
func (l *Local) Occupied() []Channel {
	var occupied []Channel
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for id, t := range s.tenants {
			for name, r := range t.channels {
				if len(r.members) > 0 {
					occupied = append(occupied, Channel{Tenant: id, Name: name})
				}
			}
		}
		s.mu.Unlock()
	}
	return occupied
}
