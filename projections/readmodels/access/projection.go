// Package access is the read model of who may do what in a tenant: its
// projection folds the streams of members, roles, invites, API keys, service
// accounts, identity providers and their e-mail domains of every tenant's log, and
// from which pages it may be used, into rows, and [Directory] answers queries from
// them.
package access

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/space"
	"tansu.cloud/domain/subject"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql"
	"tansu.cloud/sql/db"
)

// Name of the projection.
const Name = "access"

// What counts: statuses of invites, API keys, service accounts and identity
// providers.
const (
	InviteOpen            = string(invite.StatusOpen)
	InviteAccepted        = string(invite.StatusAccepted)
	InviteRevoked         = string(invite.StatusRevoked)
	APIKeyLive            = string(apikey.StatusActive)
	APIKeyRevoked         = string(apikey.StatusRevoked)
	ServiceAccountEnabled = string(serviceaccount.StatusEnabled)
	ServiceAccountStopped = string(serviceaccount.StatusDisabled)
	ProviderEnabled       = string(provider.StatusEnabled)
	ProviderDisabled      = string(provider.StatusDisabled)
)

// New returns the projection.
func New() projections.Projection {
	return projections.Projection{
		Name: Name, Version: 3, EveryTenant: true, DDL: sql.Access,
		Tables: []string{"members", "mapped_members", "user_tenants", "tenant_origins", "origin_tenants", "roles", "invites", "api_keys", "service_accounts", "identity_providers", "mail_domains"},
		Apply:  apply,
		Types: slices.Concat(projections.TypesOf(member.Events()), projections.TypesOf(role.Events()), projections.TypesOf(invite.Events()),
			projections.TypesOf(apikey.Events()), projections.TypesOf(serviceaccount.Events()), projections.TypesOf(provider.Events()),
			projections.TypesOf(maildomain.Events()), projections.TypesOf(subject.Events()), projections.TypesOf(space.Events())),
	}
}

// writer has what the tables need to be written. A batch is of one tenant.
type writer struct {
	queries *db.Queries
	tenant  uuid.UUID
}

func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	w, streams := writer{db.New(tx), changes[0].Event.TenantID}, fold.ByStream(changes)
	for _, table := range []struct {
		streams string
		apply   func(context.Context, []projections.Change) error
	}{
		{member.StreamType, w.members().Apply},
		{member.StreamType, w.mapped().Apply},
		{role.StreamType, w.roles().Apply},
		{invite.StreamType, w.invites().Apply},
		{apikey.StreamType, w.apiKeys().Apply},
		{serviceaccount.StreamType, w.serviceAccounts().Apply},
		{provider.StreamType, w.providers().Apply},
		{maildomain.StreamType, w.mailDomains().Apply},
		{subject.StreamType, w.forget},
		{space.StreamType, w.origins().Apply},
	} {
		if err := table.apply(ctx, streams[table.streams]); err != nil {
			return err
		}
	}
	return nil
}
