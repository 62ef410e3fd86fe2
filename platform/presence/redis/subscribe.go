package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"tansu.cloud/platform/presence"
	"tansu.cloud/platform/redis"
)

// subscribe keeps a connection that follows the topics, until ctx ends.
func (c *Channels) subscribe(ctx context.Context) {
	for connection := int64(1); ctx.Err() == nil; connection++ {
		s := c.link.State()
		if !s.Up {
			c.unsubscribed.Store(nil) // the link says what is the matter
			c.sitOut(ctx, s)
			continue
		}
		began := time.Now()
		err := c.follow(ctx, s, connection)
		c.topics.disconnected()
		if err == nil || c.link.Probe(ctx) != nil || time.Since(began) > c.link.Beat() {
			continue // with the next session, or at once: a connection may break
		}
		err = fmt.Errorf("presence: nothing arrives from other processes: %w", err)
		if c.unsubscribed.Swap(&err) == nil {
			c.logger.WarnContext(ctx, "presence: subscribing to Redis fails; nothing arrives from other processes until it works", "error", err)
		}
		c.await(ctx, c.link.Beat())
	}
}

// sitOut waits for Redis to come back. When it has been away so long that other
// nodes believe this one dead, they are not there for this one either.
func (c *Channels) sitOut(ctx context.Context, s redis.State) {
	if c.await(ctx, max(1, redis.LifeBeats*c.link.Beat()-time.Since(s.Since))) {
		return
	}
	for _, t := range c.topics.all() {
		t.forget(func(m presence.Message) { c.local.Deliver(t.channel, m) })
	}
	c.await(ctx, 0)
}

// await waits for the link to change and reports true, or for the delay to pass
// (none: for ever).
func (c *Channels) await(ctx context.Context, delay time.Duration) (changed bool) {
	var passed <-chan time.Time
	if delay != 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-passed:
		return false
	case <-c.subscriberChanges:
	case <-ctx.Done():
	}
	return true
}

// follow subscribes to the topics, and to what becomes one, until the session
// ends.
func (c *Channels) follow(ctx context.Context, s redis.State, connection int64) error {
	client, release, err := c.link.Dedicate()
	if err != nil {
		return nil // the session has ended
	}
	defer release()
	lost := client.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) { c.receive(connection, m) }})
	for {
		wanted, unwanted := c.topics.take()
		if err := c.enterTopics(ctx, client, wanted, connection); err != nil {
			return err
		}
		if err := c.leaveTopics(ctx, client, unwanted); err != nil {
			return err
		}
		c.unsubscribed.Store(nil)
		select {
		case <-c.topics.wake:
		case <-c.subscriberChanges:
		case err := <-lost:
			return err
		case <-ctx.Done():
			return nil
		}
		if now := c.link.State(); !now.Up || now.Session != s.Session {
			return nil
		}
	}
}
