package redis_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/presence"
	presenceredis "tansu.cloud/platform/presence/redis"
	"tansu.cloud/platform/redis"
	"tansu.cloud/platform/redistest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

const (
	patience = 30 * time.Second
	tick     = 5 * time.Millisecond
)

// installation is what the nodes of one have in common.
type installation struct {
	url, prefix string
	beat        time.Duration
}

func newInstallation(url string) installation {
	return installation{url: url, prefix: uuid.NewString(), beat: 2 * time.Second} // a busy machine may miss a few before it is believed dead
}

type node struct {
	*presenceredis.Channels
	link *redis.Link
	kill func() // ends it without a farewell
}

func (i installation) node(t *testing.T) node {
	t.Helper()
	channels, link, kill := redistest.Node(t, redis.Config{URL: i.url, Prefix: i.prefix, Beat: i.beat, Timeout: patience}, newChannels)
	return node{channels, link, kill}
}

func newChannels(link *redis.Link) *presenceredis.Channels {
	return presenceredis.New(link, slog.New(slog.DiscardHandler))
}

// await waits until the node uses Redis, or does without, in all parts.
func (n node) await(t *testing.T, shared bool) {
	t.Helper()
	require.Eventually(t, func() bool { return (n.Healthy() == nil) == shared }, patience, tick)
}

func newChannel() presence.Channel { return presence.Channel{Tenant: uuid.New(), Name: "order:42"} }

func member(id string) presence.Member {
	return presence.Member{ID: id, Actor: "actor of " + id, State: []byte(`{"cursor":1}`)}
}
