package main

import (
	"context"
	"fmt"
	"io"

	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/rabbitmq"
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
	health   map[string]func() error // of those outside this process
}

func (n *node) openEngines(ctx context.Context) error {
	n.engines = engines{channels: presence.NewLocal(), limits: limits.NewLocal(), health: map[string]func() error{}}
	if err := n.openBus(); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if n.cfg.Redis.URL == "" {
		return nil
	}
	link, err := redis.Open(redis.Config{URL: n.cfg.Redis.URL.Reveal(), Logger: n.logger})
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	channels, shared := presenceredis.New(link, n.logger), limitsredis.New(link)
	n.engines.channels, n.engines.limits = channels, shared
	n.engines.health["redis"] = link.Healthy
	return n.startAll(ctx, named{"redis", link}, named{"presence", channels}, named{"limits", shared})
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
