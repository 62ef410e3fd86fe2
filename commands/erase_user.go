package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/user"
)

// EraseUser destroys the key that seals a user's personal data and frees the
// address; it needs a reason. What they did stays in the logs, under their id.
type EraseUser struct{ Reason string }

func eraseUser(p *pipeline) Handler[EraseUser, user.State] {
	return handle(p, userUseCase[EraseUser]{
		name:       "EraseUser",
		permission: PermissionManageUsers,
		aggregate:  users,
		reason:     func(c EraseUser) string { return c.Reason },
		command: func(r Request[EraseUser], now time.Time) user.Command {
			return user.Erase{Reason: r.Command.Reason, At: now}
		},
		check: func(ctx context.Context, r Request[EraseUser], _ user.State, _ []user.Event) error {
			return p.mayLookAfter(ctx, r.Caller, r.Stream)
		},
		claims: claimPerson,
		erases: func(r Request[EraseUser]) []string { return []string{r.Stream} },
	})
}
