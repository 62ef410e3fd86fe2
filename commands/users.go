package commands

import (
	"context"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
)

// PermissionManageUsers is needed for everything on users that they do not do
// themselves.
const PermissionManageUsers = "users.manage"

var users = aggregate[user.State, user.Command, user.Event]{
	streamType:   user.StreamType,
	stateVersion: user.StateVersion,
	systemOnly:   true,
	personal:     true,
	decide:       user.Decide,
	apply:        user.Apply,
}

type userUseCase[In any] = useCase[In, user.State, user.Command, user.Event]

// claimEmail takes the address of a new user and frees that of an erased one.
func claimEmail(stream eventstore.Stream, events []user.Event) []eventstore.Claim {
	var claims []eventstore.Claim
	for _, e := range events {
		switch e := e.(type) {
		case user.Registered:
			claims = append(claims, eventstore.Claim{Op: eventstore.TakeClaim, Scope: user.EmailScope, Value: e.EmailIndex, Stream: stream})
		case user.Erased:
			claims = append(claims, eventstore.Claim{Op: eventstore.ReleaseClaim, Scope: user.EmailScope, Value: e.EmailIndex, Stream: stream})
		}
	}
	return claims
}

// indexOf returns the keyed hash of an address as typed, or nothing for what the
// domain will refuse.
func (p *pipeline) indexOf(email string) string {
	normalised, problems := user.NormaliseEmail(email)
	if len(problems) > 0 {
		return ""
	}
	return p.email(normalised)
}

// activeUser returns a user who may sign in. Nothing stops somebody from
// disabling them a moment later; whoever lets them in looks again.
func (p *pipeline) activeUser(ctx context.Context, id string, otherwise error) (user.State, error) {
	l, err := load(ctx, p, users, eventstore.SystemTenant, id, 0)
	if err == nil && l.state.Status != user.StatusActive {
		err = otherwise
	}
	return l.state, err
}
