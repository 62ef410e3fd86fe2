package redis_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tansu.cloud/platform/redis"
	"tansu.cloud/platform/redistest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

const (
	patience = 30 * time.Second
	tick     = 5 * time.Millisecond
)

var echo = rueidis.NewLuaScript(`return ARGV[1]`)

// buffer is a log that can be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

type rig struct {
	*redis.Link
	log     *buffer
	metrics *sdkmetric.ManualReader
	changes <-chan struct{}
}

func open(t *testing.T, config redis.Config) rig {
	t.Helper()
	r := rig{log: &buffer{}, metrics: sdkmetric.NewManualReader()}
	config.Prefix = uuid.NewString()
	config.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	config.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.metrics))
	if config.Timeout == 0 {
		config.Timeout = patience
	}
	var err error
	r.Link, err = redis.Open(config)
	require.NoError(t, err)
	r.changes = r.Changes()
	require.NoError(t, r.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, r.Stop(context.Background())) })
	return r
}

func (r rig) await(t *testing.T, up bool) {
	t.Helper()
	require.Eventually(t, func() bool { return r.State().Up == up }, patience, tick)
}

func (r rig) echo(t *testing.T) error {
	reply, err := r.Run(t.Context(), echo, nil, "hello")
	if err != nil {
		return err
	}
	text, err := reply.ToString()
	require.Equal(t, "hello", text)
	return err
}

func (r rig) metric(t *testing.T, name string) int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, r.metrics.Collect(t.Context(), &all))
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name != name {
			continue
		}
		switch data := m.Data.(type) {
		case metricdata.Gauge[int64]:
			return data.DataPoints[0].Value
		case metricdata.Sum[int64]:
			return data.DataPoints[0].Value
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestALinkIsUpWhenItHasStarted(t *testing.T) {
	t.Parallel()
	l := open(t, redis.Config{URL: redistest.URL(t)})
	require.True(t, l.State().Up)
	require.NoError(t, l.Healthy())
	require.NoError(t, l.echo(t))
	require.Equal(t, int64(1), l.metric(t, "tansu.redis.connected"))
	<-l.changes
	require.Empty(t, l.log.String())
}

func TestALinkComesBackByItself(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	l := open(t, redis.Config{URL: server.URL(), Beat: 10 * time.Second}) // forgotten only with the server
	for round := range int64(3) {
		require.NoError(t, server.Kill())
		require.Eventually(t, func() bool { return l.echo(t) != nil }, patience, tick)
		require.ErrorIs(t, l.echo(t), redis.ErrAway)
		require.ErrorIs(t, l.Healthy(), redis.ErrAway)
		require.Zero(t, l.metric(t, "tansu.redis.connected"))
		require.NoError(t, server.Start(t.Context()))
		l.await(t, true)
		require.NoError(t, l.echo(t))
		require.NoError(t, l.Healthy())
		require.Equal(t, round+2, l.State().Session)
	}
	require.Equal(t, 3, strings.Count(l.log.String(), "Redis is away"), "said once each time")
	require.Equal(t, 3, strings.Count(l.log.String(), "Redis is back"))
	l.Fallback(t.Context(), redis.Engine("presence"))
	require.Equal(t, int64(1), l.metric(t, "tansu.redis.fallback"))
}

func TestALinkStartsWithoutRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	require.NoError(t, server.Stop())
	l := open(t, redis.Config{URL: server.URL(), Beat: 200 * time.Millisecond})
	require.ErrorIs(t, l.echo(t), redis.ErrAway)
	require.Contains(t, l.log.String(), "Redis is away")
	require.NoError(t, server.Start(t.Context()))
	l.await(t, true)
	require.NoError(t, l.echo(t))
}

func TestAFrozenRedisHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	server := redistest.Private(t)
	l := open(t, redis.Config{URL: server.URL(), Timeout: timeout, Beat: 200 * time.Millisecond})
	l.await(t, true)
	require.NoError(t, server.Freeze())
	l.await(t, false)
	began := time.Now()
	for range 1000 {
		require.ErrorIs(t, l.echo(t), redis.ErrAway)
	}
	require.Less(t, time.Since(began), 500*timeout, "not each waits for an answer")
	require.NoError(t, server.Thaw())
	l.await(t, true)
}

func TestACallersEndIsNotTheLinks(t *testing.T) {
	t.Parallel()
	l := open(t, redis.Config{URL: redistest.URL(t)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Run(ctx, echo, nil, "hello")
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, l.State().Up)
}

func TestANodeThatWasForgottenBeginsANewSession(t *testing.T) {
	t.Parallel()
	l := open(t, redis.Config{URL: redistest.URL(t), Beat: 2 * time.Second})
	require.NotContains(t, l.log.String(), "forgotten")
	_, err := l.Run(t.Context(), rueidis.NewLuaScript(`return redis.call('DEL', KEYS[1])`), []string{l.NodeKey(l.Node())})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return l.State().Session > 1 }, patience, tick)
	require.True(t, l.State().Up)
	require.Contains(t, l.log.String(), "forgotten")
}

func TestANodeDiesWithStop(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	l := open(t, redis.Config{URL: url})
	require.NoError(t, l.Stop(t.Context()))
	require.ErrorIs(t, l.echo(t), redis.ErrAway)

	option, err := rueidis.ParseURL(url)
	require.NoError(t, err)
	client, err := rueidis.NewClient(option)
	require.NoError(t, err)
	defer client.Close()
	alive, err := client.Do(t.Context(), client.B().Exists().Key(l.NodeKey(l.Node())).Build()).AsInt64()
	require.NoError(t, err)
	require.Zero(t, alive)
}

func TestThePasswordIsNotShown(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://:hunter2@host:port/0", "redis://:hunter2@host/zero", "hunter2://host", "redis://u:%hunter2@host", "://hunter2", "redis://host/hunter2",
	} {
		_, err := redis.Open(redis.Config{URL: url})
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
	l := open(t, redis.Config{URL: strings.Replace(redistest.Private(t).URL(), "secret", "hunter2", 1)})
	require.ErrorContains(t, l.Healthy(), "WRONGPASS")
	require.NotContains(t, l.Healthy().Error()+l.log.String(), "hunter2")
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := redis.Open(redis.Config{Beat: time.Millisecond, Timeout: -1})
	require.ErrorContains(t, err, "URL")
	require.ErrorContains(t, err, "Beat")
	require.ErrorContains(t, err, "Timeout")
}
