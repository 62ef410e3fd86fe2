package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"tansu.cloud/api/oidc"
	"tansu.cloud/api/problem"
	"tansu.cloud/platform/credentials"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// Tokens verifies access tokens, and tells of a verified one from memory whether
// it was revoked since.
type Tokens interface {
	Verify(ctx context.Context, token string) (oidc.Claims, error)
	Revoked(claims oidc.Claims) bool
}

// Keys verifies API keys and notes that they were used.
type Keys interface {
	VerifyAPIKey(ctx context.Context, key credentials.APIKey) (bool, error)
	TouchAPIKey(tenant, id uuid.UUID)
}

// Users answers questions about people, their sessions, and who they are elsewhere.
type Users interface {
	Get(ctx context.Context, id uuid.UUID) (users.User, error)
	Session(ctx context.Context, id uuid.UUID) (users.Session, error)
	IdentityByIndex(ctx context.Context, index string) (users.Identity, error)
}

// Directory answers questions about who may do what in a tenant.
type Directory interface {
	Member(ctx context.Context, tenant, user uuid.UUID) (directory.Member, error)
	Role(ctx context.Context, tenant uuid.UUID, name string) (directory.Role, error)
	APIKey(ctx context.Context, tenant, id uuid.UUID) (directory.APIKey, error)
	ServiceAccount(ctx context.Context, tenant, id uuid.UUID) (directory.ServiceAccount, error)
	IdentityProvider(ctx context.Context, tenant, id uuid.UUID) (directory.IdentityProvider, error)
	IdentityProviders(ctx context.Context, tenant uuid.UUID) ([]directory.IdentityProvider, error)
}

// Deps is what authentication needs. A node that serves no clients has Operator
// only, and no other credential holds there.
type Deps struct {
	Operator  OperatorToken
	Tokens    Tokens
	Keys      Keys
	Users     Users
	Directory Directory
	Tenants   Tenants
	// Issuer is what our own tokens name; Issuers verifies those that name another.
	Issuer  string
	Issuers Issuers
	// IdentityIndex is the keyed hash of who somebody is at a tenant's identity
	// provider.
	IdentityIndex func(tenant uuid.UUID, issuer, subject string) string
	Now           func() time.Time // nil: time.Now
}

// Authenticator finds out who calls. It is safe for concurrent use.
type Authenticator struct {
	Deps
	known    *otter.Cache[known, *credential]
	refusals *otter.Cache[known, refusal]
}

// known is what a credential is remembered by. A token of another issuer may stand
// for different people in two tenants.
type known struct {
	sum    [sha256.Size]byte
	tenant string // that the request names, of tokens of other issuers
}

const (
	// maxKnown bounds the memory of verified credentials to some tens of megabytes.
	maxKnown = 100_000
	// keep is for how long a credential without an expiry is remembered, and one of
	// another issuer without asking for its keys.
	keep = time.Hour
	// fresh is how old the rights behind a credential may be. Websockets ask every
	// 400 ms, so with them too a change takes effect within a second.
	fresh = 500 * time.Millisecond
)

// New returns an authenticator that remembers nothing yet. It is closed at the
// end.
func New(d Deps) (*Authenticator, error) {
	if d.Operator == nil {
		return nil, errors.New("access: Deps.Operator is missing")
	}
	given := []bool{d.Tokens != nil, d.Keys != nil, d.Users != nil, d.Directory != nil, d.Tenants != nil, d.Issuer != "", d.Issuers != nil, d.IdentityIndex != nil}
	if slices.Contains(given, true) && slices.Contains(given, false) {
		return nil, errors.New("access: give all of Deps.Tokens, Keys, Users, Directory, Tenants, Issuer, Issuers and IdentityIndex, or none of them")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	all, err := otter.New(&otter.Options[known, *credential]{
		MaximumSize: maxKnown,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[known, *credential]) time.Duration {
			if e.Value.until.IsZero() {
				return keep
			}
			return max(e.Value.until.Sub(d.Now()), 0)
		}),
	})
	if err != nil {
		return nil, err
	}
	refusals, err := otter.New(&otter.Options[known, refusal]{MaximumSize: maxRefused})
	return &Authenticator{d, all, refusals}, err
}

// Close ends the housekeeping of what is remembered.
func (a *Authenticator) Close() {
	a.known.StopAllGoroutines()
	a.refusals.StopAllGoroutines()
}

// Authenticate tells whom a bearer token stands for. tenant is the id or slug of the
// one that the request names, empty if it names none; it decides what a token of
// another issuer is worth. A *problem.Problem with status 401 says that the token
// does not hold; any other error, that this cannot be told now.
func (a *Authenticator) Authenticate(ctx context.Context, token, tenant string) (*Principal, error) {
	if token == "" {
		return nil, problem.New(problem.Unauthorized, "Send a token as Authorization: Bearer <token>.")
	}
	if a.Operator.VerifyOperator(token) {
		return &Principal{Kind: Operator, Actor: ActorOperator}, nil
	}
	if a.Tokens == nil {
		return nil, refused("The token does not hold.")
	}
	at := known{sum: sha256.Sum256([]byte(token))}
	c, found := a.known.GetIfPresent(at)
	if !found && tenant != "" {
		at.tenant = nameOf(tenant)
		c, found = a.known.GetIfPresent(at)
	}
	if !found {
		var err error
		if c, err = a.identify(ctx, &at, token); err != nil {
			return nil, err
		}
		c, _ = a.known.SetIfAbsent(at, c)
		if at.tenant != "" { // by its id open sockets ask
			a.known.Set(known{at.sum, c.who.Tenant.String()}, c)
		}
	}
	if err := a.proveAgain(ctx, at, c, token); err != nil {
		return nil, err
	}
	return a.judge(ctx, c)
}

func refused(detail string) error { return problem.New(problem.Unauthorized, detail) }

// judge joins what a credential says with the rights of this moment.
func (a *Authenticator) judge(ctx context.Context, c *credential) (*Principal, error) {
	now := a.Now()
	if !c.until.IsZero() && !now.Before(c.until) {
		return nil, refused("The token has expired; get a new one.")
	}
	if c.revoked != nil && c.revoked() {
		return nil, refused("The token was revoked.")
	}
	r, err := c.rights(ctx, now)
	if err != nil {
		return nil, err
	}
	if r.refusal != "" {
		return nil, refused(r.refusal)
	}
	if !r.until.IsZero() && !now.Before(r.until) {
		return nil, refused("The API key has expired; make a new one.")
	}
	p := c.who
	p.Member, p.Roles, p.Confined, p.permissions = r.member, r.roles, r.confined, r.permissions
	if p.ExpiresAt.IsZero() {
		p.ExpiresAt = r.until
	}
	return &p, nil
}
