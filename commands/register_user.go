package commands

import (
	"time"

	"tansu.cloud/domain/identity/user"
)

// RegisterUser makes a user under an e-mail address that no other user has. The
// password, if any, has been stored before. A request without a stream id gets a
// new one.
type RegisterUser struct {
	Email      string
	Name       string
	Verified   bool // the address is known to be theirs
	PasswordID string
	// Identity, if set, is who they are at a tenant's identity provider; then they
	// may be without an address.
	Identity *user.Identity
}

func registerUser(p *pipeline) Handler[RegisterUser, user.State] {
	return handle(p, userUseCase[RegisterUser]{
		name:       "RegisterUser",
		permission: PermissionManageUsers,
		self:       true,
		aggregate:  users,
		creates:    true,
		command: func(r Request[RegisterUser], now time.Time) user.Command {
			c := r.Command
			return user.Register{
				UserID: r.Stream, Email: c.Email, EmailIndex: p.indexOf(c.Email), Name: c.Name, Verified: c.Verified,
				PasswordID: c.PasswordID, Identity: c.Identity, At: now,
			}
		},
		claims:     claimPerson,
		claimTaken: user.ErrEmailTaken,
		takenAs:    map[string]error{user.IdentityScope: user.ErrIdentityTaken},
	})
}
