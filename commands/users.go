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

// claimPerson takes the address of a new user and what is linked, and frees what is
// unlinked and the address of an erased one.
func claimPerson(stream eventstore.Stream, events []user.Event) []eventstore.Claim {
	var claims []eventstore.Claim
	for _, e := range events {
		switch e := e.(type) {
		case user.Registered:
			if e.EmailIndex != "" {
				claims = append(claims, eventstore.Claim{Op: eventstore.TakeClaim, Scope: user.EmailScope, Value: e.EmailIndex, Stream: stream})
			}
		case user.Erased:
			if e.EmailIndex != "" {
				claims = append(claims, eventstore.Claim{Op: eventstore.ReleaseClaim, Scope: user.EmailScope, Value: e.EmailIndex, Stream: stream})
			}
		case user.IdentityLinked:
			claims = append(claims, eventstore.Claim{Op: eventstore.TakeClaim, Scope: user.IdentityScope, Value: e.Index, Stream: stream})
		case user.IdentityUnlinked:
			claims = append(claims, eventstore.Claim{Op: eventstore.ReleaseClaim, Scope: user.IdentityScope, Value: e.Index, Stream: stream})
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
