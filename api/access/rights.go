package access

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"tansu.cloud/api/oidc"
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// ofUser looks at the person, the session that the token came from and the
// membership. Who is no member any more is still known, and may ask so.
func (a *Authenticator) ofUser(ctx context.Context, claims oidc.Claims) (rights, error) {
	session, err := a.Users.Session(ctx, claims.SessionID)
	if err != nil && !errors.Is(err, users.ErrNotFound) {
		return rights{}, err
	}
	if err != nil || session.UserID != claims.UserID || !session.EndedAt.IsZero() {
		return rights{refusal: "The session has ended; sign in again."}, nil
	}
	if session.Confined() {
		refusal, err := a.ofProvider(ctx, session, claims.TenantID)
		if err != nil || refusal != "" {
			return rights{refusal: refusal}, err
		}
	}
	return a.ofPerson(ctx, claims.TenantID, claims.UserID, session.Confined())
}

// ofPerson looks at the person and the membership.
func (a *Authenticator) ofPerson(ctx context.Context, tenant, id uuid.UUID, confined bool) (rights, error) {
	person, err := a.Users.Get(ctx, id)
	if err != nil && !errors.Is(err, users.ErrNotFound) {
		return rights{}, err
	}
	if err != nil || person.Status != string(user.StatusActive) {
		return rights{refusal: "The user is disabled or erased."}, nil
	}
	member, err := a.Directory.Member(ctx, tenant, id)
	if errors.Is(err, directory.ErrNotFound) {
		return rights{confined: confined}, nil
	}
	if err != nil {
		return rights{}, err
	}
	r, err := a.ofRoles(ctx, tenant, member.Roles)
	r.confined = confined
	return r, err
}

// ofProvider says why a session does not hold that a tenant's identity provider
// vouched for. It is good for that tenant, while the provider counts.
func (a *Authenticator) ofProvider(ctx context.Context, session users.Session, tenant uuid.UUID) (refusal string, err error) {
	if session.ConfinedTo != tenant || tenant == eventstore.SystemTenant {
		return "The session is good for another tenant only; sign in with your own password or passkey.", nil
	}
	vouches, err := a.Directory.IdentityProvider(ctx, tenant, session.ProviderID)
	if errors.Is(err, directory.ErrNotFound) || err == nil && !vouches.Vouches(session.StartedAt) {
		return "The identity provider that signed you in was turned off; sign in again.", nil
	}
	return "", err
}

func (a *Authenticator) ofServiceAccount(ctx context.Context, tenant, id uuid.UUID) (rights, error) {
	account, err := a.Directory.ServiceAccount(ctx, tenant, id)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return rights{}, err
	}
	if err != nil || account.Status != string(serviceaccount.StatusEnabled) {
		return rights{refusal: "The service account is disabled or deleted."}, nil
	}
	return a.ofRoles(ctx, tenant, account.Roles)
}

func (a *Authenticator) ofKey(ctx context.Context, tenant, id uuid.UUID) (rights, error) {
	key, err := a.Directory.APIKey(ctx, tenant, id)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return rights{}, err
	}
	if err != nil || key.Status != string(apikey.StatusActive) {
		return rights{refusal: "The API key is revoked."}, nil
	}
	a.Keys.TouchAPIKey(tenant, id)
	return rights{member: true, permissions: permission.Of(key.Permissions...), until: key.ExpiresAt}, nil
}

// ofRoles joins the permissions of roles. One that was deleted has none.
func (a *Authenticator) ofRoles(ctx context.Context, tenant uuid.UUID, roles []string) (rights, error) {
	r := rights{member: true, roles: roles}
	for _, name := range roles {
		set, builtIn := permission.OfRoleIn(tenant == eventstore.SystemTenant, name)
		if !builtIn {
			role, err := a.Directory.Role(ctx, tenant, name)
			if errors.Is(err, directory.ErrNotFound) {
				continue
			}
			if err != nil {
				return rights{}, err
			}
			set = permission.Of(role.Permissions...)
		}
		r.permissions = r.permissions.Union(set)
	}
	return r, nil
}
