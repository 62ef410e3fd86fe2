package rest

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"tansu.cloud/api/access"
	"tansu.cloud/api/oidc"
	"tansu.cloud/domain"
	"tansu.cloud/projections/readmodels/clients"
)

// errConfined keeps somebody for whom a tenant's identity provider vouched from
// what is about the whole of their account.
var errConfined = domain.Forbidden("session.confined",
	"you are signed in through a tenant's identity provider, which is good for that tenant only; sign in with your own password or passkey")

// errDelegated keeps applications from it that somebody let in in a tenant.
var errDelegated = domain.Forbidden("token.delegated",
	"the token was given to an application, for what may be done in a tenant; what is about the account takes the person's own sign-in")

// delegated reports whether a token is that of an application to which somebody had
// to agree. It is good for one tenant, and tells of the person what they agreed to.
func (s *server) delegated(ctx context.Context, p *access.Principal) (bool, error) {
	if p.Kind != access.User || p.ClientID == oidc.ClientCLI || p.ClientID == oidc.ClientDashboard {
		return false, nil
	}
	id, err := uuid.Parse(p.ClientID)
	if err != nil {
		return true, nil
	}
	c, err := s.Clients.Get(ctx, id)
	if errors.Is(err, clients.ErrNotFound) {
		return true, nil
	}
	return !c.FirstParty, err
}

// checkDelegated refuses such a token.
func (s *server) checkDelegated(ctx context.Context) error {
	p := callOf(ctx).principal
	if p.Kind == access.User && p.SessionID == uuid.Nil { // the provider speaks for the person, not an application
		return errConfined
	}
	delegated, err := s.delegated(ctx, p)
	if delegated {
		return errDelegated
	}
	return err
}
