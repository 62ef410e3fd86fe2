package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/user"
)

// ResetMFA leaves a user the password alone to sign in with, because they have
// lost the rest; it needs a reason.
type ResetMFA struct{ Reason string }

func resetMFA(p *pipeline) Handler[ResetMFA, user.State] {
	return handle(p, userUseCase[ResetMFA]{
		name:       "ResetMFA",
		permission: PermissionManageUsers,
		aggregate:  users,
		reason:     func(c ResetMFA) string { return c.Reason },
		command: func(r Request[ResetMFA], now time.Time) user.Command {
			return user.ResetMFA{Reason: r.Command.Reason, At: now}
		},
		check: func(ctx context.Context, r Request[ResetMFA], _ user.State, _ []user.Event) error {
			return p.mayLookAfter(ctx, r.Caller, r.Stream)
		},
	})
}
