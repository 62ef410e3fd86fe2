package access

import (
	"context"
	"crypto/sha256"
	"errors"
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

// Users answers questions about people and their sessions.
type Users interface {
	Get(ctx context.Context, id uuid.UUID) (users.User, error)
	Session(ctx context.Context, id uuid.UUID) (users.Session, error)
}

// Directory answers questions about who may do what in a tenant.
type Directory interface {
	Member(ctx context.Context, tenant, user uuid.UUID) (directory.Member, error)
	Role(ctx context.Context, tenant uuid.UUID, name string) (directory.Role, error)
	APIKey(ctx context.Context, tenant, id uuid.UUID) (directory.APIKey, error)
	ServiceAccount(ctx context.Context, tenant, id uuid.UUID) (directory.ServiceAccount, error)
	IdentityProvider(ctx context.Context, tenant, id uuid.UUID) (directory.IdentityProvider, error)
}

// Deps is what authentication needs. A node that serves no clients has Operator
// only, and no other credential holds there.
type Deps struct {
	Operator  OperatorToken
	Tokens    Tokens
	Keys      Keys
	Users     Users
	Directory Directory
	Now       func() time.Time // nil: time.Now
}

// Authenticator finds out who calls. It is safe for concurrent use.
type Authenticator struct {
	Deps
	known *otter.Cache[[sha256.Size]byte, *credential]
}

const (
	// maxKnown bounds the memory of verified credentials to some tens of megabytes.
	maxKnown = 100_000
	// keep is for how long a credential without an expiry is remembered.
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
	if all, none := d.Tokens != nil && d.Keys != nil && d.Users != nil && d.Directory != nil,
		d.Tokens == nil && d.Keys == nil && d.Users == nil && d.Directory == nil; !all && !none {
		return nil, errors.New("access: give all of Deps.Tokens, Keys, Users and Directory, or none of them")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	known, err := otter.New(&otter.Options[[sha256.Size]byte, *credential]{
		MaximumSize: maxKnown,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[[sha256.Size]byte, *credential]) time.Duration {
			if e.Value.until.IsZero() {
				return keep
			}
			return max(e.Value.until.Sub(d.Now()), 0)
		}),
	})
	return &Authenticator{d, known}, err
}

// Close ends the housekeeping of what is remembered.
func (a *Authenticator) Close() { a.known.StopAllGoroutines() }

// Authenticate tells whom a bearer token stands for. A *problem.Problem with
// status 401 says that the token does not hold; any other error, that this
// cannot be told now.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (*Principal, error) {
	if token == "" {
		return nil, problem.New(problem.Unauthorized, "Send a token as Authorization: Bearer <token>.")
	}
	if a.Operator.VerifyOperator(token) {
		return &Principal{Kind: Operator, Actor: ActorOperator}, nil
	}
	if a.Tokens == nil {
		return nil, refused("The token does not hold.")
	}
	sum := sha256.Sum256([]byte(token))
	c, known := a.known.GetIfPresent(sum)
	if !known {
		var err error
		if c, err = a.identify(ctx, token); err != nil {
			return nil, err
		}
		c, _ = a.known.SetIfAbsent(sum, c)
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
