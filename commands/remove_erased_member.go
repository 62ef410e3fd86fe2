package commands

import (
	"context"
	"slices"
	"time"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/ownership"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
)

// PermissionFollowErasures is that of the saga that follows the erasure of users,
// and nobody can be granted it.
const PermissionFollowErasures = "users.follow_erasures"

var errNotErased = domain.Conflict("user.not_erased", "the user is not erased; remove them as any other member")

// RemoveErasedMember ends the membership of a user who was erased, although they
// may be the last owner.
type RemoveErasedMember struct{}

func removeErasedMember(p *pipeline) Handler[RemoveErasedMember, member.State] {
	return handle(p, memberUseCase[RemoveErasedMember]{
		name:       "RemoveErasedMember",
		permission: PermissionFollowErasures,
		aggregate:  members,
		prepare: func(ctx context.Context, r *Request[RemoveErasedMember]) error {
			l, err := load(ctx, p, users, eventstore.SystemTenant, r.Stream, 0)
			if err == nil && l.state.Status != user.StatusErased {
				err = errNotErased
			}
			return err
		},
		command: func(_ Request[RemoveErasedMember], now time.Time) member.Command {
			return member.Remove{Reason: "the user was erased", At: now}
		},
		beside: func(ctx context.Context, r Request[RemoveErasedMember], now time.Time, before member.State, _ []member.Event) ([]eventstore.StreamWrite, error) {
			if !slices.Contains(before.Roles, permission.Owner) {
				return nil, nil
			}
			return writeBeside(ctx, p, ownerships, r.Tenant, ownership.StreamID,
				ownership.Command(ownership.Release{UserID: r.Stream, Erased: true, At: now}))
		},
	})
}
