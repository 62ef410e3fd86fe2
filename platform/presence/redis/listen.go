package redis

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"

	"tansu.cloud/platform/presence"
)

// Listen implements presence.Channels. While Redis is there, it returns when
// nothing can be missed any more, or at the timeout of a call.
func (c *Channels) Listen(ch presence.Channel, fn func(presence.Message)) (stop func()) {
	t := c.topics.enter(ch)
	if c.link.Up() {
		timeout := time.NewTimer(c.link.Timeout())
		defer timeout.Stop()
		select {
		case <-t.filled:
		case <-timeout.C:
		}
	}
	// What made the topic known to itself is not told: the caller lists the members.
	silence := c.local.Listen(ch, fn)
	return sync.OnceFunc(func() {
		silence()
		c.topics.exit(t)
	})
}

// receive handles a message of the subscription; it runs alone and in order.
func (c *Channels) receive(connection int64, published rueidis.PubSubMessage) {
	ch, ok := c.channelOf(published.Channel)
	if !ok {
		return
	}
	t := c.topics.find(ch)
	if t == nil {
		return // the last listener has just gone
	}
	var e envelope
	if err := json.Unmarshal([]byte(published.Message), &e); err != nil || e.Node == c.link.Node() {
		return // of our own we know
	}
	if t.receive(connection, e.Message) {
		c.local.Deliver(ch, e.Message)
	}
}

// channelOf reverses topicName.
func (c *Channels) channelOf(topic string) (presence.Channel, bool) {
	rest, ours := strings.CutPrefix(topic, c.link.Key(""))
	id, name, found := strings.Cut(rest, ":channel:")
	tenant, err := uuid.Parse(id)
	return presence.Channel{Tenant: tenant, Name: name}, ours && found && err == nil
}
