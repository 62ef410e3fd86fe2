package commands

import (
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// LinkIdentity lets a user sign in as somebody of a tenant's identity provider, who
// has just been shown to be them.
type LinkIdentity struct{ Identity user.Identity }

func linkIdentity(p *pipeline) Handler[LinkIdentity, user.State] {
	return handle(p, userUseCase[LinkIdentity]{
		name:       "LinkIdentity",
		permission: permission.Self,
		aggregate:  users,
		command: func(r Request[LinkIdentity], now time.Time) user.Command {
			return user.LinkIdentity{Identity: r.Command.Identity, At: now}
		},
		claims:     claimPerson,
		claimTaken: user.ErrIdentityTaken,
	})
}

// UnlinkIdentity ends that.
type UnlinkIdentity struct{ Index string }

func unlinkIdentity(p *pipeline) Handler[UnlinkIdentity, user.State] {
	return handle(p, userUseCase[UnlinkIdentity]{
		name:       "UnlinkIdentity",
		permission: permission.Self,
		aggregate:  users,
		command: func(r Request[UnlinkIdentity], now time.Time) user.Command {
			return user.UnlinkIdentity{Index: r.Command.Index, At: now}
		},
		claims: claimPerson,
	})
}
