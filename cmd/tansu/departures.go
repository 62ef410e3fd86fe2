package main

import (
	"context"
	"crypto/sha256"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/departures"
)

// openDepartures comes after the commands and the projections.
func (n *node) openDepartures() (err error) {
	n.parts.usher, err = departures.NewUsher(departures.Config{
		Log: n.parts.store, Decoder: n.parts.codec, Commands: departureCommands{n.parts.commands}, Waiter: n.parts.runner,
		Users: users.NewDirectory(n.pool), Access: directory.NewDirectory(n.pool), Logger: n.logger,
	})
	return err
}

// departureCommands are what follows when people are erased, disabled, or have a
// new password. The event is the cause of each command, and with the stream it makes
// the key by which the command has its effect once.
type departureCommands struct{ *commands.Commands }

func byDepartures[C any](cause, tenant, stream uuid.UUID, command C) commands.Request[C] {
	key := "departures/" + cause.String() + "/" + stream.String()
	return commands.Request[C]{
		Tenant: tenant, Stream: stream.String(), Command: command, Expected: eventstore.AnyVersion,
		IdempotencyKey: key, Fingerprint: sha256.Sum256([]byte(key)),
		Caller: commands.Caller{Actor: "system:departures", CausationID: cause.String(), Permissions: func(string) bool { return true }},
	}
}

// EndSession implements departures.Commands, as do the others.
func (c departureCommands) EndSession(ctx context.Context, cause, session uuid.UUID) (int64, error) {
	done, err := c.Commands.EndSession(ctx, byDepartures(cause, eventstore.SystemTenant, session, commands.EndSession{Reason: "signed out everywhere"}))
	return done.Position, err
}

func (c departureCommands) RemoveMember(ctx context.Context, cause, tenant, user uuid.UUID) (int64, error) {
	done, err := c.RemoveErasedMember(ctx, byDepartures(cause, tenant, user, commands.RemoveErasedMember{}))
	return done.Position, err
}

func (c departureCommands) RevokeInvite(ctx context.Context, cause, tenant, invite uuid.UUID) (int64, error) {
	done, err := c.Commands.RevokeInvite(ctx, byDepartures(cause, tenant, invite, commands.RevokeInvite{Reason: "the person's data was erased"}))
	return done.Position, err
}
