package presence

import (
	"sync"

	"github.com/google/uuid"
)

// shard holds the channels of some of the tenants.
type shard struct {
	mu      sync.Mutex
	tenants map[uuid.UUID]*tenant
}

type tenant struct {
	channels map[string]*room
	occupied int // channels with members
}

// room is what is known of a channel; it goes with its last member and listener.
type room struct {
	members   map[string]Member
	listeners []*listener // replaced, never changed, so that a delivery may walk it
}

type listener struct{ fn func(Message) }

func (s *shard) join(c Channel, m Member) ([]*listener, error) {
	t, r := s.find(c)
	if _, known := r.memberOf(m.ID); !known {
		if r.size() == 0 && t != nil && t.occupied >= MaxChannels {
			return nil, TooManyChannels()
		}
		if r.size() >= MaxMembers {
			return nil, TooManyMembers()
		}
	}
	t, r = s.create(c)
	if len(r.members) == 0 {
		t.occupied++
	}
	r.members[m.ID] = m
	return r.listeners, nil
}

func deliver(listeners []*listener, m Message) {
	for _, l := range listeners {
		l.fn(m)
	}
}

// find returns nil for what does not exist.
func (s *shard) find(c Channel) (*tenant, *room) {
	t := s.tenants[c.Tenant]
	if t == nil {
		return nil, nil
	}
	return t, t.channels[c.Name]
}

func (s *shard) create(c Channel) (*tenant, *room) {
	t, r := s.find(c)
	if t == nil {
		t = &tenant{channels: map[string]*room{}}
		s.tenants[c.Tenant] = t
	}
	if r == nil {
		r = &room{members: map[string]Member{}}
		t.channels[c.Name] = r
	}
	return t, r
}

// tidy drops what is empty.
func (s *shard) tidy(c Channel, t *tenant, r *room) {
	if len(r.members) > 0 || len(r.listeners) > 0 {
		return
	}
	delete(t.channels, c.Name)
	if len(t.channels) == 0 {
		delete(s.tenants, c.Tenant)
	}
}

func (r *room) memberOf(id string) (Member, bool) {
	if r == nil {
		return Member{}, false
	}
	m, known := r.members[id]
	return m, known
}

func (r *room) size() int {
	if r == nil {
		return 0
	}
	return len(r.members)
}
