package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"tansu.cloud/platform/presence"
)

// Join implements presence.Channels. The end of ctx is not heeded: the call is
// short, and half a join would leave a member that nobody takes out.
func (c *Channels) Join(ctx context.Context, ch presence.Channel, m presence.Member) error {
	if err := cmp.Or(ch.Check(), m.Check()); err != nil {
		return err
	}
	announce, err := c.join(context.WithoutCancel(ctx), ch, m)
	if err != nil {
		return err
	}
	announce()
	return nil
}

func (c *Channels) join(ctx context.Context, ch presence.Channel, m presence.Member) (announce func(), err error) {
	lock := c.lock(ch)
	lock.RLock()
	defer lock.RUnlock()
	mirrored, err := c.mirror(ctx, ch, m)
	if err != nil {
		return nil, err
	}
	if announce, err = c.local.Put(ch, m); err != nil {
		if mirrored {
			c.unmirror(ctx, ch, m)
		}
		return nil, err
	}
	if !mirrored && c.link.Up() { // since just now; whoever compares may have been here already
		if mirrored, err = c.mirror(ctx, ch, m); err != nil {
			c.local.Take(ch, m.ID)
			return nil, err
		}
	}
	if !mirrored {
		c.alone(ctx)
	}
	return announce, nil
}

// mirror puts a member into Redis, if that is there. The error is a bound.
func (c *Channels) mirror(ctx context.Context, ch presence.Channel, m presence.Member) (mirrored bool, err error) {
	member, err := encode(m)
	if err != nil {
		return false, fmt.Errorf("presence: state of a member: %w", err)
	}
	message, err := c.seal(presence.Message{Kind: presence.KindJoined, Member: m})
	if err != nil {
		return false, err
	}
	reply, err := c.link.Run(ctx, join, c.keys(ch, c.link.Node()),
		c.field(m.ID), member, ch.Name, reference(ch), c.topicName(ch), message,
		strconv.Itoa(presence.MaxMembers), strconv.Itoa(presence.MaxChannels))
	if err != nil {
		return false, nil
	}
	switch full, _ := reply.AsInt64(); full {
	case fullOfMembers:
		return false, presence.TooManyMembers()
	case fullOfChannels:
		return false, presence.TooManyChannels()
	}
	return true, nil
}

// unmirror takes a member out of Redis, if that is there.
func (c *Channels) unmirror(ctx context.Context, ch presence.Channel, m presence.Member) {
	message, err := c.seal(presence.Message{Kind: presence.KindLeft, Member: m})
	if err == nil {
		_, err = c.link.Run(ctx, leave, c.keys(ch, c.link.Node()),
			c.field(m.ID), ch.Name, reference(ch), c.topicName(ch), message)
	}
	if err != nil {
		c.alone(ctx)
	}
}

// Leave implements presence.Channels. It heeds the end of ctx as little as Join.
func (c *Channels) Leave(ctx context.Context, ch presence.Channel, memberID string) error {
	if announce := c.leave(context.WithoutCancel(ctx), ch, memberID); announce != nil {
		announce()
	}
	return nil
}

func (c *Channels) leave(ctx context.Context, ch presence.Channel, memberID string) (announce func()) {
	lock := c.lock(ch)
	lock.RLock()
	defer lock.RUnlock()
	m, announce := c.local.Take(ch, memberID)
	if announce != nil {
		c.unmirror(ctx, ch, m)
	}
	return announce
}

// Members implements presence.Channels. While Redis is away it lists this
// process's members, and for a while those that were last heard of.
func (c *Channels) Members(ctx context.Context, ch presence.Channel) ([]presence.Member, error) {
	members, err := c.others(ctx, ch)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		c.alone(ctx)
		members = c.topics.known(ch)
	}
	ours, err := c.local.Members(ctx, ch)
	if err != nil {
		return nil, err
	}
	members = append(members, ours...)
	slices.SortFunc(members, func(a, b presence.Member) int { return cmp.Compare(a.ID, b.ID) })
	return members, nil
}

// others lists the members of other processes that live.
func (c *Channels) others(ctx context.Context, ch presence.Channel) ([]presence.Member, error) {
	reply, err := c.link.Run(ctx, list, []string{c.membersKey(ch)}, c.link.Node(), c.link.NodeKey(""))
	if err != nil {
		return nil, err
	}
	texts, err := reply.AsStrSlice()
	if err != nil {
		return nil, err
	}
	members := make([]presence.Member, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &members[i]); err != nil {
			return nil, fmt.Errorf("presence: member in Redis: %w", err)
		}
	}
	return members, nil
}

// Broadcast implements presence.Channels.
func (c *Channels) Broadcast(ctx context.Context, ch presence.Channel, from presence.Member, data json.RawMessage) error {
	m := presence.Message{Kind: presence.KindBroadcast, Member: from, Data: data}
	message, err := c.seal(m)
	if err != nil {
		return err
	}
	if err := c.local.Broadcast(ctx, ch, from, data); err != nil {
		return err
	}
	if err := c.link.Publish(context.WithoutCancel(ctx), c.topicName(ch), message); err != nil {
		c.alone(ctx)
	}
	return nil
}

func (c *Channels) seal(m presence.Message) (string, error) {
	text, err := encode(envelope{Node: c.link.Node(), Message: m})
	if err != nil {
		return "", fmt.Errorf("presence: message: %w", err)
	}
	return text, nil
}
