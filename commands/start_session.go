package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
)

// StartSession signs an active user in, whom the caller has recognised by
// Method. A request without a stream id gets a new one.
type StartSession struct {
	UserID    string
	Method    string
	Address   string
	UserAgent string
}

func startSession(p *pipeline) Handler[StartSession, session.State] {
	return handle(p, sessionUseCase[StartSession]{
		name:       "StartSession",
		permission: permission.Self,
		aggregate:  sessions,
		creates:    true,
		command: func(r Request[StartSession], now time.Time) session.Command {
			c := r.Command
			return session.Start{SessionID: r.Stream, UserID: c.UserID, Method: c.Method, Address: c.Address, UserAgent: c.UserAgent, At: now}
		},
		check: func(ctx context.Context, r Request[StartSession], _ session.State, _ []session.Event) error {
			_, err := p.activeUser(ctx, r.Command.UserID, user.ErrNotActive)
			return err
		},
	})
}
