package commands

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/ownership"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
)

// PermissionManageMembers is needed for everything that changes a member.
const PermissionManageMembers = "members.manage"

var members = aggregate[member.State, member.Command, member.Event]{
	streamType:   member.StreamType,
	stateVersion: member.StateVersion,
	decide:       member.Decide,
	apply:        member.Apply,
}

// ownerships change only beside members, so no use case is theirs.
var ownerships = aggregate[ownership.State, ownership.Command, ownership.Event]{
	streamType:   ownership.StreamType,
	stateVersion: ownership.StateVersion,
	decide:       ownership.Decide,
	apply:        ownership.Apply,
}

type memberUseCase[In any] = useCase[In, member.State, member.Command, member.Event]

// handleMember completes a use case on members with what all of them need:
// nobody gives roles that permit more than they may do, only owners make and
// unmake owners, and who owns the tenant changes in the same append.
func handleMember[In any](p *pipeline, u memberUseCase[In]) Handler[In, member.State] {
	check := u.check
	u.check = func(ctx context.Context, r Request[In], before member.State, events []member.Event) error {
		after := rolesAfter(before, events)
		if slices.Contains(added(after, before.Roles), permission.Owner) && !r.Caller.permitted(permissionManageOwners) {
			return errOwnersOnly
		}
		if err := p.mayGiveRoles(ctx, r.Tenant, r.Caller, added(before.Roles, after)); err != nil || check == nil {
			return err
		}
		return check(ctx, r, before, events)
	}
	u.beside = func(ctx context.Context, r Request[In], now time.Time, before member.State, events []member.Event) ([]eventstore.StreamWrite, error) {
		return p.changeOwnership(ctx, r.Tenant, r.Stream, before.Roles, rolesAfter(before, events), now)
	}
	return handle(p, u)
}

func rolesAfter(s member.State, events []member.Event) []string {
	for _, e := range events {
		s = member.Apply(s, e)
	}
	return s.Roles
}

// changeOwnership writes what a change of somebody's roles means for who owns
// the tenant.
func (p *pipeline) changeOwnership(ctx context.Context, tenant uuid.UUID, userID string, before, after []string, now time.Time) ([]eventstore.StreamWrite, error) {
	owned, owns := slices.Contains(before, permission.Owner), slices.Contains(after, permission.Owner)
	switch {
	case owns && !owned:
		return writeBeside(ctx, p, ownerships, tenant, ownership.StreamID, ownership.Command(ownership.Grant{UserID: userID, At: now}))
	case owned && !owns:
		return writeBeside(ctx, p, ownerships, tenant, ownership.StreamID, ownership.Command(ownership.Release{UserID: userID, At: now}))
	}
	return nil, nil
}
