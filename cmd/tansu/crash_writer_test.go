package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/config"
	"tansu.cloud/platform/telemetry"
)

// crashWriterEnv makes the test binary a writer process on the DSN it holds: a
// node without its port, which appends as fast as it can until it is killed.
// crashNameEnv keeps two such processes apart.
const (
	crashWriterEnv = "TANSU_TEST_CRASH_WRITER"
	crashNameEnv   = "TANSU_TEST_CRASH_NAME"
)

// crashTenants are the logs that the writer fills beside the system tenant's.
var crashTenants = []uuid.UUID{
	uuid.MustParse("10000000-0000-4000-8000-000000000001"),
	uuid.MustParse("10000000-0000-4000-8000-000000000002"),
	uuid.MustParse("10000000-0000-4000-8000-000000000003"),
}

const crashCallers, crashCommanders = 24, 8

// crashWriter runs until it is killed, or returns what went wrong. Every
// acknowledged append becomes a line on standard output: tenant, key, position.
func crashWriter(dsn string) error {
	ctx := context.Background()
	t, err := telemetry.Start(ctx, telemetry.Config{Service: "crash-writer", LogLevel: "error"})
	if err != nil {
		return err
	}
	cfg := config.Default()
	cfg.NodeID, cfg.Postgres.DSN, cfg.Postgres.MaxConns = crashName(), config.Secret(dsn), 24
	cfg.MasterKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	n := newNode(cfg, t)
	if err := n.openPool(ctx); err != nil {
		return err
	}
	if err := n.startParts(ctx); err != nil {
		return err
	}
	failures := make(chan error)
	for c := range crashCallers {
		go func() { failures <- crashAppends(ctx, n, c) }()
	}
	for c := range crashCommanders {
		go func() { failures <- crashCommands(ctx, n, c) }()
	}
	return <-failures
}

func crashName() string { return os.Getenv(crashNameEnv) }

func acknowledge(tenant uuid.UUID, key string, position int64) {
	// One write call: lines of several callers do not mix.
	os.Stdout.WriteString(fmt.Sprintf("%s %s %d\n", tenant, key, position))
}

// unreachable: the database is down for the moment, and nothing was written or
// it is not known.
func unreachable(err error) bool {
	return errors.Is(err, eventstore.ErrUnavailable) || errors.Is(err, eventstore.ErrOutcomeUnknown)
}

// crashAppends is one caller: it goes on with its stream where the log says it
// stands, after repeating the last append, which must not take effect again.
func crashAppends(ctx context.Context, n *node, caller int) error {
	tenant := crashTenants[caller%len(crashTenants)]
	stream := eventstore.Stream{Type: "account", ID: fmt.Sprint(crashName(), caller)}
	last, err := n.parts.store.ReadStream(ctx, tenant, stream, eventstore.StreamQuery{Backwards: true, Limit: 1})
	for err != nil && unreachable(err) {
		last, err = n.parts.store.ReadStream(ctx, tenant, stream, eventstore.StreamQuery{Backwards: true, Limit: 1})
	}
	if err != nil {
		return err
	}
	version := int64(0)
	if len(last) > 0 {
		version = last[0].Version
		meta, err := last[0].Meta()
		if err != nil {
			return err
		}
		if err := crashRepeat(ctx, n, tenant, stream, meta.CommandID); err != nil {
			return err
		}
	}
	for {
		key := fmt.Sprintf("%s-%d-%d", crashName(), caller, version)
		done, err := n.parts.store.Append(ctx, crashAppend(tenant, stream, version, key))
		if processed, ok := errors.AsType[*eventstore.AlreadyProcessed](err); ok {
			// The answer to an earlier try was lost while the database was away.
			page, err := n.parts.store.ReadLog(ctx, tenant, eventstore.LogQuery{After: processed.Record.Position - 1, Limit: 1})
			if err != nil && unreachable(err) {
				continue
			}
			if err != nil {
				return err
			}
			version = page.Events[0].Version
			acknowledge(tenant, key, processed.Record.Position)
			continue
		}
		if err != nil && unreachable(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("caller %d at version %d: %w", caller, version, err)
		}
		version = done.Events[len(done.Events)-1].Version
		acknowledge(tenant, key, done.Position)
	}
}

func crashAppend(tenant uuid.UUID, stream eventstore.Stream, version int64, key string) eventstore.Append {
	events := make([]eventstore.NewEvent, 1+rand.IntN(3))
	for i := range events {
		events[i] = eventstore.NewEvent{ID: uuid.Must(uuid.NewV7()), Type: "account.credited", SchemaVersion: 1, Data: []byte(`{"cents": 100}`)}
	}
	a := eventstore.Append{
		TenantID:    tenant,
		Writes:      []eventstore.StreamWrite{{Stream: stream, Expected: version, Events: events}},
		Metadata:    eventstore.Metadata{Actor: "crash", CommandID: key},
		Idempotency: &eventstore.Idempotency{Key: key, Response: []byte(key)},
	}
	if rand.IntN(5) == 0 {
		a.Claims = []eventstore.Claim{{Op: eventstore.TakeClaim, Scope: "account.key", Value: key, Stream: stream}}
	}
	return a
}

func crashRepeat(ctx context.Context, n *node, tenant uuid.UUID, stream eventstore.Stream, key string) error {
	for {
		_, err := n.parts.store.Append(ctx, crashAppend(tenant, stream, eventstore.AnyVersion, key))
		if _, ok := errors.AsType[*eventstore.AlreadyProcessed](err); ok {
			return nil
		}
		if err == nil || !unreachable(err) {
			return fmt.Errorf("key %s was accepted twice (%w)", key, err)
		}
	}
}

// crashCommands creates and renames tenants through the commands.
func crashCommands(ctx context.Context, n *node, commander int) error {
	caller := commands.Caller{Actor: "crash", Permissions: func(string) bool { return true }}
	for {
		key := uuid.NewString()
		created, err := n.parts.commands.CreateTenant(ctx, commands.Request[commands.CreateTenant]{
			Tenant: eventstore.SystemTenant, Caller: caller, Expected: eventstore.AnyVersion, IdempotencyKey: key,
			Command: commands.CreateTenant{Slug: "t-" + key[:18], Name: fmt.Sprint("Tenant of ", commander)},
		})
		if err != nil {
			if unreachable(err) {
				continue
			}
			return err
		}
		acknowledge(eventstore.SystemTenant, key, created.Position)
		renamed, err := n.parts.commands.RenameTenant(ctx, commands.Request[commands.RenameTenant]{
			Tenant: eventstore.SystemTenant, Stream: created.State.ID, Caller: caller, Expected: eventstore.AnyVersion,
			IdempotencyKey: key + "-rename", Command: commands.RenameTenant{Name: "Renamed " + time.Now().Format(time.RFC3339Nano)},
		})
		if err != nil {
			if unreachable(err) {
				continue
			}
			return err
		}
		acknowledge(eventstore.SystemTenant, key+"-rename", renamed.Position)
	}
}
