package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// Run executes a script. When Redis does not answer as it should within the
// timeout, all calls fail with ErrAway, at once, until it does again. If ctx ends
// first, or the error only wraps ErrAway, the script may have been executed.
func (l *Link) Run(ctx context.Context, script *rueidis.Lua, keys []string, args ...string) (rueidis.RedisMessage, error) {
	return l.call(ctx, func(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
		return script.Exec(ctx, client, keys, args)
	})
}

// Publish sends a message to all nodes that listen to the topic.
func (l *Link) Publish(ctx context.Context, topic, message string) error {
	_, err := l.call(ctx, func(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
		return client.Do(ctx, client.B().Publish().Channel(topic).Message(message).Build())
	})
	return err
}

// Probe finds out whether Redis answers.
func (l *Link) Probe(ctx context.Context) error {
	_, err := l.call(ctx, func(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
		return client.Do(ctx, client.B().Ping().Build())
	})
	return err
}

func (l *Link) call(ctx context.Context, do func(context.Context, rueidis.Client) rueidis.RedisResult) (rueidis.RedisMessage, error) {
	s := l.state.Load()
	if !s.Up {
		return rueidis.RedisMessage{}, ErrAway
	}
	bounded, cancel := context.WithTimeout(ctx, l.config.Timeout)
	defer cancel()
	reply, err := do(bounded, l.client).ToMessage()
	switch {
	case err == nil:
		return reply, nil
	case ctx.Err() != nil: // the caller gave up, which says nothing about Redis
		return rueidis.RedisMessage{}, ctx.Err()
	}
	if l.lose(s.Session, err) {
		select {
		case l.trouble <- struct{}{}:
		default:
		}
	}
	return rueidis.RedisMessage{}, fmt.Errorf("%w: %w", ErrAway, err)
}

// Dedicate returns a connection of the caller's own, for subscriptions; release
// closes it.
func (l *Link) Dedicate() (connection rueidis.DedicatedClient, release func(), err error) {
	if !l.state.Load().Up {
		return nil, nil, ErrAway
	}
	connection, _ = l.client.Dedicate()
	return connection, connection.Close, nil
}

// Get returns the text under a key, and Set keeps one for a while. They take as
// long as ctx lets them, and their errors change nothing for others: whether
// Redis is there, beats find out.
func (l *Link) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	if !l.state.Load().Up {
		return nil, false, ErrAway
	}
	value, err = l.client.Do(ctx, l.client.B().Get().Key(key).Build()).AsBytes()
	if rueidis.IsRedisNil(err) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// Set is explained with Get.
func (l *Link) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if !l.state.Load().Up {
		return ErrAway
	}
	return l.client.Do(ctx, l.client.B().Set().Key(key).Value(rueidis.BinaryString(value)).Px(ttl).Build()).Error()
}
