package redis

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"tansu.cloud/platform/presence"
	"tansu.cloud/platform/redis"
)

// hands is how many channels are worked on at a time; the calls share one
// connection's pipeline.
const hands = 16

// keep mirrors this process's members anew in each session, and removes what dead
// nodes left.
func (c *Channels) keep(ctx context.Context) {
	beats := time.NewTicker(c.link.Beat())
	defer beats.Stop()
	mirrored := int64(0) // session
	for {
		s := c.link.State()
		if s.Up && s.Session != mirrored && c.announce(ctx) == nil {
			mirrored = s.Session
		}
		// After an outage other nodes need time as well to show that they live.
		if s.Up && time.Since(s.Since) > redis.LifeBeats*c.link.Beat() {
			// What fails is found again with the next beat.
			_ = c.reap(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.keeperChanges:
		case <-beats.C:
		}
	}
}

// announce brings the mirror to what the members are now.
func (c *Channels) announce(ctx context.Context) error {
	if _, err := c.link.Run(ctx, enlist, []string{c.nodesKey()}, c.link.Node()); err != nil {
		return err
	}
	return c.eachOwn(ctx, func(ctx context.Context, ch presence.Channel) error {
		lock := c.lock(ch)
		lock.Lock()
		defer lock.Unlock()
		members, err := c.local.Members(ctx, ch)
		if err != nil {
			return err
		}
		return c.correct(ctx, ch, members)
	})
}

// withdraw takes out of Redis what this node has there.
func (c *Channels) withdraw(ctx context.Context) error {
	return c.eachOwn(ctx, func(ctx context.Context, ch presence.Channel) error { return c.correct(ctx, ch, nil) })
}

// eachOwn visits the channels in which this node has members, and those in which
// Redis believes that it has.
func (c *Channels) eachOwn(ctx context.Context, visit func(context.Context, presence.Channel) error) error {
	believed, err := c.channelsOf(ctx, c.link.Node())
	if err != nil {
		return err
	}
	visited := map[presence.Channel]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(hands)
	for _, ch := range append(c.local.Occupied(), believed...) {
		if visited[ch] {
			continue
		}
		visited[ch] = true
		group.Go(func() error { return visit(ctx, ch) })
	}
	return group.Wait()
}

func (c *Channels) correct(ctx context.Context, ch presence.Channel, members []presence.Member) error {
	args := []string{c.link.Node(), ch.Name, reference(ch), c.topicName(ch)}
	for _, m := range members {
		text, err := encode(m)
		if err != nil {
			return err
		}
		args = append(args, c.field(m.ID), text)
	}
	_, err := c.link.Run(ctx, correct, c.keys(ch, c.link.Node()), args...)
	return err
}

// reap removes the members of dead nodes. Several nodes may do so at once: each
// member is announced once.
func (c *Channels) reap(ctx context.Context) error {
	reply, err := c.link.Run(ctx, dead, []string{c.nodesKey()}, c.link.NodeKey(""))
	if err != nil {
		return err
	}
	nodes, err := reply.AsStrSlice()
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if err := c.reapNode(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

func (c *Channels) reapNode(ctx context.Context, node string) error {
	left, err := c.channelsOf(ctx, node)
	if err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(hands)
	for _, ch := range left {
		group.Go(func() error {
			keys := append(c.keys(ch, node), c.link.NodeKey(node))
			_, err := c.link.Run(within, reap, keys, node, ch.Name, reference(ch), c.topicName(ch))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = c.link.Run(ctx, bury, []string{c.nodesKey(), c.link.NodeKey(node), c.nodeChannelsKey(node)}, node)
	return err
}

func (c *Channels) channelsOf(ctx context.Context, node string) ([]presence.Channel, error) {
	reply, err := c.link.Run(ctx, fields, []string{c.nodeChannelsKey(node)})
	if err != nil {
		return nil, err
	}
	references, err := reply.AsStrSlice()
	if err != nil {
		return nil, err
	}
	var found []presence.Channel
	for _, text := range references {
		if ch, ok := dereference(text); ok {
			found = append(found, ch)
		}
	}
	return found, nil
}
