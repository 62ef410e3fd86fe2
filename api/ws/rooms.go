package ws

import (
	"sync"

	"tansu.cloud/platform/presence"
)

// rooms listen to each channel once, however many connections of this process
// are in it, and encode each message once.
type rooms struct {
	channels presence.Channels

	mu   sync.Mutex
	open map[presence.Channel]*room
}

// room passes the messages of a channel on to connections.
type room struct {
	channel   string
	listening chan struct{} // closed when stop is there
	stop      func()

	mu      sync.Mutex
	members map[*conn]struct{}
}

func (r *rooms) enter(ch presence.Channel, c *conn) {
	r.mu.Lock()
	known := r.open[ch]
	first := known == nil
	if first {
		known = &room{channel: ch.Name, members: map[*conn]struct{}{}, listening: make(chan struct{})}
		r.open[ch] = known
	}
	known.mu.Lock()
	known.members[c] = struct{}{}
	known.mu.Unlock()
	r.mu.Unlock()
	if first { // outside the lock: a shared engine may take its time, and others have other rooms
		known.stop = r.channels.Listen(ch, known.pass)
		close(known.listening)
	}
	<-known.listening
}

func (r *rooms) exit(ch presence.Channel, c *conn) {
	r.mu.Lock()
	known := r.open[ch]
	known.mu.Lock()
	delete(known.members, c)
	empty := len(known.members) == 0
	known.mu.Unlock()
	if empty {
		delete(r.open, ch)
	}
	r.mu.Unlock()
	if empty {
		<-known.listening
		known.stop()
	}
}

// pass queues a message for each connection. A member knows its own comings and
// goings; its own broadcasts it gets, to see where they stand among the others.
func (r *room) pass(m presence.Message) {
	member := shown(m.Member)
	var frame []byte
	switch m.Kind {
	case presence.KindJoined:
		frame = encode(Presence{Type: "presence", Channel: r.channel, Joined: &member})
	case presence.KindLeft:
		frame = encode(Presence{Type: "presence", Channel: r.channel, Left: &member})
	default:
		frame = encode(Message{Type: "message", Channel: r.channel, From: member, Data: m.Data})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.members {
		if m.Kind == presence.KindBroadcast || c.id != m.Member.ID {
			c.hear(r.channel, m.Kind, frame)
		}
	}
}

// hear queues a channel's message, once the connection has joined. For changes
// that are dropped the list makes up.
func (c *conn) hear(channel, kind string, frame []byte) {
	c.mu.Lock()
	m := c.channels[channel]
	c.mu.Unlock()
	switch {
	case m == nil:
	case kind == presence.KindBroadcast:
		c.push(frame, nil)
	default:
		c.push(frame, &m.stale)
	}
}
