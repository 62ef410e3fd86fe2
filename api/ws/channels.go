package ws

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"tansu.cloud/api/problem"
	"tansu.cloud/platform/presence"
)

const (
	maxChannels = 100 // of a connection
	// engineTime bounds a call of the presence engine.
	engineTime = 5 * time.Second
)

// membership is a connection in a channel.
type membership struct {
	channel presence.Channel
	member  presence.Member // under conn.mu
	stale   bool            // under conn.mu; changes were dropped, the list is due
	gone    bool            // under conn.mu; it was left, or is being left
}

func (c *conn) join(ctx context.Context, f *Join) error {
	p := c.session.Load().principal.Load()
	if !p.may(c.tenant, PermissionChannels) {
		return problem.New(problem.Forbidden, "This needs the permission "+PermissionChannels+".")
	}
	if len(f.State) > presence.MaxState {
		return problem.New(problem.PayloadTooLarge, "The state may have at most 1 KiB.")
	}
	if spent, after := c.server.spend(ctx, &c.payer.joins, 1); spent == 0 {
		return &refusal{code: problem.RateLimited, detail: "Too many joins in a second.", retryIn: milliseconds(after)}
	}
	c.mu.Lock()
	m, count := c.channels[f.Channel], len(c.channels)
	c.mu.Unlock()
	fresh := m == nil
	if fresh {
		if count >= maxChannels {
			return problem.New(problem.TooManyChannels, "A connection joins at most 100 channels; leave one first.")
		}
		m = &membership{channel: presence.Channel{Tenant: c.tenant, Name: f.Channel}}
		c.server.rooms.enter(m.channel, c) // before the list is read, so that no change is missed
	}
	member := presence.Member{ID: c.id, Actor: p.Actor, State: f.State}
	ctx, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	if err := c.server.Channels.Join(ctx, m.channel, member); err != nil {
		if fresh {
			c.server.rooms.exit(m.channel, c)
		}
		return channelProblem(err)
	}
	c.mu.Lock()
	if m.gone { // its right was taken away meanwhile
		c.mu.Unlock()
		c.forget(m)
		return problem.New(problem.Forbidden, "This needs the permission "+PermissionChannels+".")
	}
	m.member = member
	if c.channels == nil {
		c.channels = map[string]*membership{}
	}
	c.channels[f.Channel] = m
	c.add(item{make: func() []byte { return c.members(m) }})
	c.mu.Unlock()
	c.awaitRoom()
	return nil
}

func (c *conn) leave(f *Leave) error {
	c.mu.Lock()
	m := c.channels[f.Channel]
	delete(c.channels, f.Channel)
	c.mu.Unlock()
	if m == nil {
		return notJoined()
	}
	c.depart(m)
	left := shown(m.member)
	c.reply(Presence{Type: "presence", Channel: f.Channel, Left: &left})
	return nil
}

func (c *conn) broadcast(ctx context.Context, f *Broadcast) error {
	c.mu.Lock()
	m := c.channels[f.Channel]
	var from presence.Member
	if m != nil {
		from = m.member
	}
	c.mu.Unlock()
	switch {
	case m == nil:
		return notJoined()
	case len(f.Data) > presence.MaxPayload:
		return problem.New(problem.PayloadTooLarge, "The data may have at most 16 KiB.")
	}
	// It is paid for once, whoever hears it: listeners that are slow drop it.
	if spent, after := c.server.spend(ctx, &c.payer.bytes, len(f.Data)+1); spent == 0 {
		return &refusal{code: problem.RateLimited, detail: "Too many bytes in a second.", retryIn: milliseconds(after)}
	}
	ctx, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	return channelProblem(c.server.Channels.Broadcast(ctx, m.channel, from, f.Data))
}

func notJoined() error {
	return problem.New(problem.NotJoined, "Join the channel first.")
}

func channelProblem(err error) error {
	if errors.Is(err, presence.ErrFull) {
		return problem.New(problem.ChannelFull, "The channel or the tenant has as many members or channels as it may; use another one.")
	}
	return err
}

// depart takes the connection out of a channel, once. The connection may have
// ended.
func (c *conn) depart(m *membership) {
	c.mu.Lock()
	gone := m.gone
	m.gone = true
	c.mu.Unlock()
	if gone {
		return
	}
	c.server.rooms.exit(m.channel, c)
	c.forget(m)
}

// forget takes the member out of the list that others see.
func (c *conn) forget(m *membership) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), engineTime)
	defer cancel()
	if err := c.server.Channels.Leave(ctx, m.channel, c.id); err != nil {
		c.server.Logger.WarnContext(ctx, "a connection could not leave a channel; it is forgotten when its time is over",
			"tenant_id", c.tenant, "connection", c.id, "error", err)
	}
}

// leaveChannels takes the connection out of all channels, because the right to
// be there is gone. The writer does it.
func (c *conn) leaveChannels() {
	c.mu.Lock()
	left := len(c.channels) > 0
	for name, m := range c.channels {
		delete(c.channels, name)
		c.left = append(c.left, m)
		c.add(item{make: func() []byte {
			c.depart(m)
			return encode(Error{Type: "error", ID: name, Code: string(problem.Forbidden), Detail: "The principal may no longer be in channels; the channel was left."})
		}})
	}
	c.mu.Unlock()
	if left {
		c.wake()
	}
}

// members is the list of a channel, or an error about it. Nothing if the channel
// was left meanwhile.
func (c *conn) members(m *membership) []byte {
	c.mu.Lock()
	joined := c.channels[m.channel.Name] == m
	m.stale = false // what changes from now on comes after the list
	c.mu.Unlock()
	if !joined {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, engineTime)
	defer cancel()
	members, err := c.server.Channels.Members(ctx, m.channel)
	if err != nil {
		return encode(refusalOf(err, m.channel.Name).frame())
	}
	frame := Presence{Type: "presence", Channel: m.channel.Name, Members: make([]PresenceMember, len(members))}
	for i, member := range members {
		frame.Members[i] = shown(member)
	}
	return encode(frame)
}

// list writes the members of a channel of which changes were dropped. It is the
// writer's last resort: false if there is none.
func (c *conn) list() bool {
	c.mu.Lock()
	var stale *membership
	for _, m := range c.channels {
		if m.stale {
			stale = m
		}
	}
	c.mu.Unlock()
	if stale == nil {
		return false
	}
	frame := c.members(stale)
	return len(frame) == 0 || c.send(frame)
}

func shown(m presence.Member) PresenceMember {
	return PresenceMember{ID: m.ID, Actor: m.Actor, State: json.RawMessage(m.State)}
}
