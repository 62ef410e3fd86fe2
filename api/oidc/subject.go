package oidc

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// subject is a user as tokens describe them.
type subject struct {
	user   users.User
	method string   // how they signed in
	roles  []string // in the tenant that the tokens are for
}

var (
	errNotActive = errors.New("the user is not active")
	errSignedOut = errors.New("the session has ended")
	errNotMember = errors.New("the user is not a member of the tenant")
	errConfined  = errors.New("the sign-in is good for another tenant only")
)

// subjectOf checks everything that a user's tokens depend on. It is asked each
// time tokens are minted, whatever a page found before.
func (p *Provider) subjectOf(ctx context.Context, user, session, tenant uuid.UUID) (s subject, err error) {
	current := users.Session{}
	if s.user, current, err = p.signedIn(ctx, user, session); err != nil {
		return s, err
	}
	if current.Confined() && tenant != current.ConfinedTo {
		return s, errConfined
	}
	s.method = current.Method
	member, err := p.Access.Member(tenantscope.Within(ctx, tenant), tenant, user)
	if errors.Is(err, access.ErrNotFound) {
		return s, errNotMember
	}
	s.roles = member.Roles
	return s, err
}

// signedIn returns an active user and their session, which has not ended.
func (p *Provider) signedIn(ctx context.Context, user, session uuid.UUID) (found users.User, current users.Session, err error) {
	found, err = p.Users.Get(ctx, user)
	if errors.Is(err, users.ErrNotFound) || err == nil && found.Status != users.StatusActive {
		return found, current, errNotActive
	}
	if err != nil {
		return found, current, err
	}
	current, err = p.Users.Session(ctx, session)
	if errors.Is(err, users.ErrNotFound) || err == nil && (!current.Live() || current.UserID != user) {
		return found, current, errSignedOut
	}
	if err != nil || !current.Confined() {
		return found, current, err
	}
	// Who vouched for the user must still be somebody to believe.
	vouches, err := p.Access.IdentityProvider(tenantscope.Within(ctx, current.ConfinedTo), current.ConfinedTo, current.ProviderID)
	if errors.Is(err, access.ErrNotFound) || err == nil && !vouches.Vouches(current.StartedAt) {
		return found, current, errSignedOut
	}
	return found, current, err
}

func profileOf(u users.User, scope []string) profile {
	var p profile
	if slices.Contains(scope, scopeProfile) {
		p.Name, p.UpdatedAt = u.Name, u.UpdatedAt.Unix()
	}
	if slices.Contains(scope, scopeEmail) {
		p.Email, p.EmailVerified = u.Email, &u.Verified
	}
	return p
}
