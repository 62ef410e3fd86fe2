package commands

import (
	"context"
	"time"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/provider"
)

// PermissionFollowProviders is that of the saga that follows the removal of identity
// providers, and nobody can be granted it.
const PermissionFollowProviders = "identity_providers.follow_removals"

var errNotRemoved = domain.Conflict("identity_provider.not_removed", "the identity provider is there still, and the roles of its groups with it")

// UnmapMemberRoles takes from a member of the request's tenant what the groups at an
// identity provider gave that was removed; the stream is the user's id. The groups
// never give the role owner, so they take it from nobody.
type UnmapMemberRoles struct{ ProviderID string }

func unmapMemberRoles(p *pipeline) Handler[UnmapMemberRoles, member.State] {
	const reason = "the identity provider was removed"
	return handle(p, memberUseCase[UnmapMemberRoles]{
		name:       "UnmapMemberRoles",
		permission: PermissionFollowProviders,
		aggregate:  members,
		reason:     func(UnmapMemberRoles) string { return reason },
		prepare: func(ctx context.Context, r *Request[UnmapMemberRoles]) error {
			l, err := load(ctx, p, providers, r.Tenant, r.Command.ProviderID, 0)
			if err == nil && l.state.Status != provider.StatusRemoved {
				err = errNotRemoved
			}
			return err
		},
		command: func(r Request[UnmapMemberRoles], now time.Time) member.Command {
			return member.UnmapRoles{ProviderID: r.Command.ProviderID, Reason: reason, At: now}
		},
	})
}
