package redis

import (
	"context"
	"slices"

	"github.com/redis/rueidis"
	"golang.org/x/sync/errgroup"

	"tansu.cloud/platform/presence"
)

// chunk is how many topics one command names.
const chunk = 256

func (c *Channels) enterTopics(ctx context.Context, client rueidis.DedicatedClient, wanted []*topic, connection int64) error {
	for _, t := range wanted {
		t.begin(connection)
	}
	for some := range slices.Chunk(wanted, chunk) {
		bounded, cancel := context.WithTimeout(ctx, c.link.Timeout())
		err := client.Do(bounded, client.B().Subscribe().Channel(c.names(some)...).Build()).Error()
		cancel()
		if err != nil {
			return err
		}
		var group errgroup.Group
		group.SetLimit(hands)
		for _, t := range some {
			group.Go(func() error { c.fill(ctx, t); return nil })
		}
		_ = group.Wait()
	}
	return nil
}

// fill tells a topic who is there. The topic has been subscribed before, so what
// happens afterwards arrives.
func (c *Channels) fill(ctx context.Context, t *topic) {
	deliver := func(m presence.Message) { c.local.Deliver(t.channel, m) }
	for {
		members, err := c.others(ctx, t.channel)
		if err != nil { // the session ends; the next one fills again
			t.giveUp(deliver)
			return
		}
		if t.settle(members, deliver) {
			return
		}
	}
}

func (c *Channels) leaveTopics(ctx context.Context, client rueidis.DedicatedClient, unwanted []*topic) error {
	for some := range slices.Chunk(unwanted, chunk) {
		bounded, cancel := context.WithTimeout(ctx, c.link.Timeout())
		err := client.Do(bounded, client.B().Unsubscribe().Channel(c.names(some)...).Build()).Error()
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Channels) names(some []*topic) []string {
	names := make([]string, len(some))
	for i, t := range some {
		names[i] = c.topicName(t.channel)
	}
	return names
}
