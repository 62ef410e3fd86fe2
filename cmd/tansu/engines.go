package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/otel"

	"tansu.cloud/api/rest"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/rabbitmq"
	"tansu.cloud/platform/cache"
	cacheredis "tansu.cloud/platform/cache/redis"
	"tansu.cloud/platform/limits"
	limitsredis "tansu.cloud/platform/limits/redis"
	"tansu.cloud/platform/presence"
	presenceredis "tansu.cloud/platform/presence/redis"
	"tansu.cloud/platform/redis"
)

// engines are what a node stands on besides its database: embedded, or shared
// with the other nodes. None of them holds anything that the log does not have.
type engines struct {
	bus      bus.Bus
	channels presence.Channels
	limits   limits.Limits
	cache    cache.Cache             // nil: nothing is kept
	health   map[string]func() error // of those outside this process
}

func (n *node) openEngines(ctx context.Context) error {
	n.engines = engines{channels: presence.NewLocal(), limits: limits.NewLocal(), health: map[string]func() error{}}
	if err := n.openBus(); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if n.cfg.Redis.URL == "" {
		return n.openCache(nil)
	}
	link, err := redis.Open(redis.Config{URL: n.cfg.Redis.URL.Reveal(), Logger: n.logger})
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	channels, shared := presenceredis.New(link, n.logger), limitsredis.New(link)
	n.engines.channels, n.engines.limits = channels, shared
	n.engines.health["redis"] = link.Healthy
	if err := n.startAll(ctx, named{"redis", link}, named{"presence", channels}, named{"limits", shared}); err != nil {
		return err
	}
	return n.openCache(link)
}

// openCache keeps answers in the process, and in Redis too if there is a link.
// Another program makes other answers, so it has its own space there.
func (n *node) openCache(link *redis.Link) error {
	if n.cfg.Cache.Bytes == 0 || !n.cfg.Has("api") {
		return nil
	}
	local, err := cache.NewLocal(n.cfg.Cache.Bytes)
	if err != nil {
		return err
	}
	var shared cache.Cache
	if link != nil {
		space, err := programHash()
		if err != nil {
			n.logger.Warn("the cache in Redis is this process's own: its program cannot be read", "error", err)
			space = n.cfg.NodeID
		}
		remote := cacheredis.New(link, space, n.cfg.Cache.Bytes)
		if err := n.startAll(context.Background(), named{"shared cache", remote}); err != nil {
			return err
		}
		shared = remote
	}
	tiered, err := cache.NewTiered(local, shared, rest.KeepFor, otel.GetMeterProvider())
	if err != nil {
		return err
	}
	n.engines.cache = tiered
	n.onStop("cache", tiered.Stop)
	return nil
}

// programHash tells this program from every other build of it.
func programHash() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func (n *node) openBus() error {
	var carrier interface {
		bus.Bus
		io.Closer
	} = bus.NewInProcess(n.logger)
	if n.cfg.Bus == "amqp" {
		broker, err := rabbitmq.New(rabbitmq.Config{URL: n.cfg.AMQP.URL.Reveal(), Name: n.cfg.NodeID, Logger: n.logger})
		if err != nil {
			return err
		}
		n.engines.health["rabbitmq"] = broker.Healthy
		carrier = broker
	}
	n.engines.bus = carrier
	n.onStop("bus", func(context.Context) error { return carrier.Close() })
	return nil
}

// service is a part that runs until it is stopped.
type service interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

type named struct {
	name string
	service
}

// startAll starts services in order; the node stops them in reverse.
func (n *node) startAll(ctx context.Context, services ...named) error {
	for _, s := range services {
		if err := s.Start(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		n.onStop(s.name, s.Stop)
	}
	return nil
}
