package main

import (
	"context"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/severance"
)

// openSeverance comes after the commands and the projections.
func (n *node) openSeverance() (err error) {
	n.parts.severer, err = severance.NewSeverer(severance.Config{
		Log: n.parts.store, Decoder: n.parts.codec, Commands: severanceCommands{n.parts.commands}, Waiter: n.parts.runner,
		Users: users.NewDirectory(n.pool), Access: directory.NewDirectory(n.pool),
	})
	return err
}

// severanceCommands are what follows when an identity provider or an identity is
// gone. Repeats change nothing by themselves, and the second look must not be taken
// for a repeat of the first, so they have no key.
type severanceCommands struct{ *commands.Commands }

func bySeverance[C any](cause, tenant uuid.UUID, stream string, command C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: tenant, Stream: stream, Command: command, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "system:severance", CausationID: cause.String(), Permissions: func(string) bool { return true }},
	}
}

// EndSession implements severance.Commands, as do the others.
func (c severanceCommands) EndSession(ctx context.Context, cause, session uuid.UUID) error {
	_, err := c.Commands.EndSession(ctx, bySeverance(cause, eventstore.SystemTenant, session.String(), commands.EndSession{Reason: "the identity was unlinked"}))
	return err
}

func (c severanceCommands) UnmapRoles(ctx context.Context, cause, tenant, user, provider uuid.UUID) error {
	_, err := c.UnmapMemberRoles(ctx, bySeverance(cause, tenant, user.String(), commands.UnmapMemberRoles{ProviderID: provider.String()}))
	return err
}

func (c severanceCommands) ReleaseMailDomain(ctx context.Context, cause uuid.UUID, d directory.MailDomain) error {
	_, err := c.Commands.ReleaseMailDomain(ctx, bySeverance(cause, eventstore.SystemTenant, d.Domain, commands.ReleaseMailDomain{
		TenantID: d.Tenant.String(), ProviderID: d.Provider.String(),
	}))
	return err
}
