package commands

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
)

// StartSession signs an active user in, whom the caller has recognised by
// Method. A request without a stream id gets a new one.
type StartSession struct {
	UserID string
	Method string
	// ConfinedTo and ProviderID are the tenant and its identity provider that
	// vouches for the user; both empty: nobody but the user themselves does.
	ConfinedTo string
	ProviderID string
	Address    string
	UserAgent  string
}

func startSession(p *pipeline) Handler[StartSession, session.State] {
	return handle(p, sessionUseCase[StartSession]{
		name:       "StartSession",
		permission: permission.Self,
		aggregate:  sessions,
		creates:    true,
		command: func(r Request[StartSession], now time.Time) session.Command {
			c := r.Command
			return session.Start{
				SessionID: r.Stream, UserID: c.UserID, Method: c.Method, ConfinedTo: c.ConfinedTo, ProviderID: c.ProviderID,
				Address: c.Address, UserAgent: c.UserAgent, At: now,
			}
		},
		check: func(ctx context.Context, r Request[StartSession], _ session.State, _ []session.Event) error {
			if _, err := p.activeUser(ctx, r.Command.UserID, user.ErrNotActive); err != nil || r.Command.ConfinedTo == "" {
				return err
			}
			owner, err := uuid.Parse(r.Command.ConfinedTo)
			if err != nil {
				return provider.ErrNotEnabled
			}
			_, err = p.enabledProvider(ctx, owner, r.Command.ProviderID)
			return err
		},
	})
}
