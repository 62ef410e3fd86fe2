package main

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"tansu.cloud/api/rest"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/config"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// parts of a node between its database and its port, in the order in which an
// event meets them.
type parts struct {
	store    *postgres.Store
	commands *commands.Commands
	history  *commands.History
	runner   *projections.Runner
}

// readModels are the projections that every installation runs.
func readModels() []projections.Projection {
	return []projections.Projection{tenantdirectory.New(), deadletters.New()}
}

// startParts starts the log, the relay and the projections, and returns when
// every read model can be read.
func (n *node) startParts(ctx context.Context) error {
	master, err := config.DecodeMasterKey(n.cfg.MasterKey)
	if err != nil {
		return err
	}
	messages := bus.NewInProcess(n.logger)
	n.onStop("bus", func(context.Context) error { return messages.Close() })
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: messages, Logger: n.logger})
	if err != nil {
		return err
	}

	p := &n.parts
	p.store = postgres.New(n.pool, postgres.Options{OnCommit: relay.Committed, Logger: n.logger})
	deps := commands.Deps{
		Store: p.store, Snapshots: p.store, Logger: n.logger,
		Codec: eventstore.NewCodec(commands.Registry(), postgres.NewSubjectKeys(n.pool, master)),
	}
	p.commands, p.history = commands.New(deps), commands.NewHistory(deps)
	p.runner, err = projections.NewRunner(projections.Config{
		NodeID: n.cfg.NodeID, Projections: readModels(), Pool: n.pool, Log: p.store, Decoder: deps.Codec,
		Control: projectionControl{p.commands}, Subscriber: messages.Subscriber(), Logger: n.logger,
	})
	if err != nil {
		return err
	}

	// The relay starts before the store and stops after it, so that no commit
	// finds it gone; the runner needs both.
	for _, s := range []struct {
		name string
		service
	}{{"relay", relay}, {"event log", p.store}, {"idempotency cleaner", newIdempotencyCleaner(p.store, n.cfg.Idempotency.Retention, n.logger)}, {"projections", p.runner}} {
		if err := s.Start(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		n.onStop(s.name, s.Stop)
	}
	select {
	case <-p.runner.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// service is a part that runs until it is stopped.
type service interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

// openInterface puts the REST interface in place of the bare probes.
func (n *node) openInterface(operator rest.Operator) error {
	master, err := config.DecodeMasterKey(n.cfg.MasterKey)
	if err != nil {
		return err
	}
	signingSeed, err := derive(master, "tansu audit export signing", ed25519.SeedSize)
	if err != nil {
		return err
	}
	cursorKey, err := derive(master, "tansu page cursors", sha256.Size)
	if err != nil {
		return err
	}
	handler, err := rest.New(rest.Deps{
		Config: rest.Config{
			Domain: n.cfg.Domain, BodyLimit: n.cfg.HTTP.MaxBodyBytes, HeaderLimit: n.cfg.HTTP.MaxHeaderBytes,
			Timeout: n.cfg.HTTP.RequestTimeout, WaitDefault: n.cfg.Consistency.Wait, PublicMetrics: n.cfg.Metrics.Public,
		},
		Commands: n.parts.commands, History: n.parts.history, Log: n.parts.store,
		Tenants: tenantdirectory.NewDirectory(n.pool), DeadLetters: deadletters.NewLetters(n.pool),
		Projections: projectionQueries{n.parts.runner}, Operator: operator,
		Signer: ed25519.NewKeyFromSeed(signingSeed), CursorKey: cursorKey,
		Health: n.health, Metrics: n.telemetry.Handler(), Logger: n.logger,
	})
	if err != nil {
		return err
	}
	n.http.handle(handler)
	return nil
}

// derive makes a key for one purpose from the master key, so that a node needs
// no other secret and all nodes have the same (RFC 5869).
func derive(master [32]byte, purpose string, length int) ([]byte, error) {
	return hkdf.Key(sha256.New, master[:], nil, purpose, length)
}

// componentTimeout bounds what a probe waits for the database.
const componentTimeout = 2 * time.Second

func (n *node) health(ctx context.Context) rest.Health {
	ctx, cancel := context.WithTimeout(ctx, componentTimeout)
	defer cancel()
	h := rest.Health{
		Started: n.http.current() != starting, Ready: n.http.current() == serving,
		Components: map[string]rest.Component{},
	}
	note := func(name string, err error, detail string) {
		c := rest.Component{Ready: err == nil, Detail: detail}
		if err != nil {
			c.Detail = err.Error()
			h.Ready = false
		}
		h.Components[name] = c
	}
	note("database", n.pool.Ping(ctx), "")
	statuses, err := n.parts.runner.Status(ctx)
	if err != nil {
		note("projections", err, "")
	}
	for _, s := range statuses {
		var failed error
		if s.State == projections.StateFailed {
			failed = errors.New(s.LastError)
		}
		note("projection "+s.Name, failed, fmt.Sprintf("%s, lag %d events", s.State, s.LagEvents))
	}
	return h
}
