package access

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/tenantscope"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/users"
)

// Issuers verifies access tokens that identity providers of tenants have made. See
// package federation for its errors.
type Issuers interface {
	VerifyAccess(ctx context.Context, issuer, audience, token string) (federation.AccessToken, error)
}

// Tenants finds tenants, closed ones too.
type Tenants interface {
	Get(ctx context.Context, idOrSlug string) (tenantdirectory.Tenant, error)
}

const (
	// refusedFor is for how long the refusal of another issuer's token is remembered.
	refusedFor = 2 * time.Second
	// maxRefused bounds the memory for them to some megabytes.
	maxRefused = 10_000
)

// refusal is why a token of another issuer did not hold at a time.
type refusal struct {
	detail string
	at     time.Time
}

const (
	unnamedTenant = "The token is of another issuer; name the tenant whose identity provider that is: X-Tenant-Id, its sub-domain, or tenant in the connect frame."
	notAccepted   = "No identity provider of the tenant is of the token's issuer and accepts tokens for its audience; its administrator sets that as api_audience."
	notLinked     = "The person of the token is not known here; they must sign in once through their organisation."
)

// noTenant stands for all names that are none of a tenant with identity providers.
const noTenant = "?"

// nameOf is the one spelling of a tenant's id or slug by which credentials are
// remembered.
func nameOf(idOrSlug string) string {
	id, err := uuid.Parse(idOrSlug)
	switch {
	case err == nil && id != eventstore.SystemTenant:
		return id.String()
	case err != nil && len(tenant.CheckSlug(idOrSlug)) == 0:
		return idOrSlug
	}
	return noTenant
}

// external is a person as a tenant's identity provider knows them, by a token of
// it.
type external struct {
	tenant   uuid.UUID
	claim    federation.Claim
	index    string // of the identity
	issuedAt time.Time
}

// identifyExternal verifies a token of another issuer, unless it was refused a
// moment ago.
func (a *Authenticator) identifyExternal(ctx context.Context, at known, token string, claim federation.Claim) (*credential, error) {
	if at.tenant == "" {
		return nil, refused(unnamedTenant)
	}
	if before, again := a.refusals.GetIfPresent(at); again && a.Now().Sub(before.at) < refusedFor {
		return nil, refused(before.detail)
	}
	c, err := a.verifyExternal(ctx, at.tenant, token, claim)
	if p := (*problem.Problem)(nil); errors.As(err, &p) && p.Code == problem.Unauthorized {
		a.refusals.Set(at, refusal{p.Detail, a.Now()})
	}
	return c, err
}

func (a *Authenticator) verifyExternal(ctx context.Context, named, token string, claim federation.Claim) (*credential, error) {
	if named == noTenant {
		return nil, refused(notAccepted)
	}
	of, err := a.Tenants.Get(ctx, named)
	if errors.Is(err, tenantdirectory.ErrNotFound) {
		return nil, refused(notAccepted)
	}
	if err != nil {
		return nil, err
	}
	who := external{tenant: of.ID, claim: claim}
	accepting, err := a.accepting(tenantscope.Within(ctx, of.ID), who)
	if err != nil {
		return nil, err
	}
	if len(accepting) == 0 {
		return nil, refused(notAccepted)
	}
	who.claim = federation.Claim{Issuer: accepting[0].Issuer} // of what the token says, no more is kept than counts
	for _, p := range accepting {
		who.claim.Audience = append(who.claim.Audience, p.Profile.APIAudience)
	}
	verify := func(ctx context.Context, token string) (federation.AccessToken, error) {
		return a.Issuers.VerifyAccess(ctx, who.claim.Issuer, who.claim.Audience[0], token)
	}
	proved, err := verify(ctx, token)
	if err != nil {
		return nil, ofIssuer(err)
	}
	who.index, who.issuedAt = a.IdentityIndex(of.ID, who.claim.Issuer, proved.Subject), proved.IssuedAt
	linked, err := a.Users.IdentityByIndex(ctx, who.index)
	if errors.Is(err, users.ErrNotFound) {
		return nil, refused(notLinked)
	}
	if err != nil {
		return nil, err
	}
	c := &credential{
		who: Principal{
			Kind: User, Actor: "user:" + linked.UserID.String(), Tenant: of.ID, Bound: true, UserID: linked.UserID, ExpiresAt: proved.ExpiresAt,
		},
		until: proved.ExpiresAt, turn: make(chan struct{}, 1),
		look:  func(ctx context.Context) (rights, error) { return a.ofExternal(ctx, who, linked.UserID) },
		prove: func(ctx context.Context, token string) error { _, err := verify(ctx, token); return err },
	}
	c.proved.Store(a.Now().UnixNano())
	return c, nil
}

// ofIssuer is what a caller is told when a token cannot be verified.
func ofIssuer(err error) error {
	if why := federation.Refusal(""); errors.As(err, &why) {
		return refused("The token does not hold: " + string(why) + ".")
	}
	if errors.Is(err, federation.ErrUnreachable) {
		return problem.New(problem.Unavailable, "The keys of the identity provider cannot be read now, so nobody can tell whether the token holds; repeat the request.").
			WithHeader("Retry-After", "5")
	}
	return err
}

// accepting lists the tenant's identity providers that count, are of the token's
// issuer and accept its audience.
func (a *Authenticator) accepting(ctx context.Context, e external) ([]directory.IdentityProvider, error) {
	all, err := a.Directory.IdentityProviders(ctx, e.tenant)
	return slices.DeleteFunc(all, func(p directory.IdentityProvider) bool {
		audience := p.Profile.APIAudience
		return p.Status != directory.ProviderEnabled || p.Issuer != e.claim.Issuer || audience == "" || !slices.Contains(e.claim.Audience, audience)
	}), err
}

// ofExternal looks at the provider, the person, whether they are still linked, and
// the membership.
func (a *Authenticator) ofExternal(ctx context.Context, e external, person uuid.UUID) (rights, error) {
	accepting, err := a.accepting(ctx, e)
	if err != nil {
		return rights{}, err
	}
	if !slices.ContainsFunc(accepting, func(p directory.IdentityProvider) bool { return p.Vouches(e.issuedAt) }) {
		return rights{refusal: "The identity provider was turned off since it made the token, or accepts no tokens any more; get a new one."}, nil
	}
	linked, err := a.Users.IdentityByIndex(ctx, e.index)
	if err != nil && !errors.Is(err, users.ErrNotFound) {
		return rights{}, err
	}
	if err != nil || linked.UserID != person {
		return rights{refusal: "The person of the token is not linked to the account any more."}, nil
	}
	return a.ofPerson(ctx, e.tenant, person, true)
}

// proveAgain has a token judged once an hour by the keys that its issuer has then.
// While these cannot be read it goes on.
func (a *Authenticator) proveAgain(ctx context.Context, at known, c *credential, token string) error {
	now, last := a.Now(), c.proved.Load()
	if c.prove == nil || now.Sub(time.Unix(0, last)) < keep || !c.proved.CompareAndSwap(last, now.UnixNano()) {
		return nil
	}
	err := c.prove(ctx, token)
	if why := federation.Refusal(""); errors.As(err, &why) {
		c.proved.Store(last) // under another name of the tenant it is remembered as well
		a.known.Invalidate(at)
		return ofIssuer(err)
	}
	return nil
}
