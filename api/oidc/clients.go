package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/grants"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
)

// The clients that every installation has.
const (
	ClientCLI       = "tansu-cli"
	ClientDashboard = "tansu-dashboard"
)

const serviceAccountPrefix = "tsa_"

// client is whoever calls the token endpoint: a built-in or registered client,
// or a service account.
type client struct {
	id         string
	name       string
	redirects  []string
	postLogout []string
	grants     []protocol.GrantType
	scopes     []string
	secret     bool                // authenticates with one
	keys       *jose.JSONWebKeySet // or with assertions that one of these signs
	builtIn    bool
	firstParty bool

	owner   uuid.UUID // of the secrets
	tenant  uuid.UUID // whose secrets they are
	account *access.ServiceAccount
}

var _ op.Client = (*client)(nil)

var errNoClient = errors.New("there is no such client")

// client finds who an id names: errNoClient if nobody, or nobody any more.
func (p *Provider) client(ctx context.Context, id string) (*client, error) {
	switch {
	case id == ClientCLI:
		return &client{
			id: id, name: "Tansu command line", builtIn: true, firstParty: true, scopes: allScopes,
			redirects: []string{"http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback"},
			grants:    []protocol.GrantType{protocol.GrantTypeCode, protocol.GrantTypeRefreshToken, protocol.GrantTypeDeviceCode},
		}, nil
	case id == ClientDashboard:
		return &client{
			id: id, name: "Tansu dashboard", builtIn: true, firstParty: true, scopes: allScopes,
			redirects: []string{p.issuer + "/dashboard/callback"}, postLogout: []string{p.issuer + "/", p.issuer + "/dashboard"},
			grants: []protocol.GrantType{protocol.GrantTypeCode, protocol.GrantTypeRefreshToken},
		}, nil
	case strings.HasPrefix(id, serviceAccountPrefix):
		return p.accountClient(ctx, id)
	}
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.String() != id {
		return nil, errNoClient
	}
	stored, err := p.Clients.Get(ctx, parsed)
	if errors.Is(err, clients.ErrNotFound) || err == nil && stored.Status != clients.StatusEnabled {
		return nil, errNoClient
	}
	if err != nil {
		return nil, err
	}
	c := &client{
		id: id, name: stored.Name, redirects: stored.RedirectURIs, postLogout: stored.PostLogoutRedirectURIs,
		scopes: stored.Scopes, firstParty: stored.FirstParty, owner: stored.ID,
		secret: stored.TokenEndpointAuth == string(clientdomain.AuthSecret),
	}
	if stored.TokenEndpointAuth == string(clientdomain.AuthPrivateKeyJWT) {
		c.keys = &jose.JSONWebKeySet{}
		if err := json.Unmarshal(stored.JWKS, c.keys); err != nil {
			p.Logger.WarnContext(ctx, "oidc: a client's keys are not usable; it cannot authenticate", "client", id, "error", err)
		}
	}
	for _, g := range stored.Grants {
		switch g {
		case clientdomain.GrantAuthorizationCode:
			c.grants = append(c.grants, protocol.GrantTypeCode)
		case clientdomain.GrantRefreshToken:
			c.grants = append(c.grants, protocol.GrantTypeRefreshToken)
		case clientdomain.GrantDeviceCode:
			c.grants = append(c.grants, protocol.GrantTypeDeviceCode)
		}
	}
	return c, nil
}

func (p *Provider) accountClient(ctx context.Context, id string) (*client, error) {
	tenant, account, err := credentials.ParseServiceAccountClientID(id)
	if err != nil {
		return nil, errNoClient
	}
	stored, err := p.Access.ServiceAccount(tenantscope.Within(ctx, tenant), tenant, account)
	if errors.Is(err, access.ErrNotFound) || err == nil && stored.Status != access.ServiceAccountEnabled {
		return nil, errNoClient
	}
	if err != nil {
		return nil, err
	}
	return &client{
		id: id, name: stored.Name, scopes: []string{scopeAPI}, secret: true, owner: account, tenant: tenant, account: &stored,
		grants: []protocol.GrantType{protocol.GrantTypeClientCredentials},
	}, nil
}

// authenticated checks a client's secret. Public clients have none and must not
// send one.
func (p *Provider) authenticated(ctx context.Context, c *client, secret string) (bool, error) {
	if c.keys != nil {
		return false, nil // with assertions only
	}
	if !c.secret {
		return secret == "", nil
	}
	if secret == "" {
		return false, nil
	}
	return p.Credentials.VerifySecret(ctx, c.tenant, c.owner, secret)
}

// redirectAllowed compares with what was registered, letter by letter. Only the
// port of a loopback address is the program's choice (RFC 8252, section 7.3).
func (c *client) redirectAllowed(uri string) bool {
	return slices.ContainsFunc(c.redirects, func(registered string) bool {
		return uri == registered || sameLoopback(registered, uri)
	})
}

func sameLoopback(registered, uri string) bool {
	r, err := url.Parse(registered)
	if err != nil || r.Scheme != "http" || !loopback(r.Hostname()) {
		return false
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.Hostname() != r.Hostname() || u.User != nil {
		return false
	}
	u.Host, r.Host = "", ""
	// What the parser understood must be all there is.
	return u.String() == r.String() && strings.Count(uri, "#") == 0 && !strings.ContainsAny(uri, "\\ \t\r\n")
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (c *client) allows(g protocol.GrantType) bool { return slices.Contains(c.grants, g) }

// narrow keeps what the client may ask for. Built-in clients always reach the API.
func (c *client) narrow(scope []string) []string {
	kept := []string{}
	for _, one := range scope {
		if slices.Contains(allScopes, one) && c.IsScopeAllowed(one) && !slices.Contains(kept, one) {
			kept = append(kept, one)
		}
	}
	if c.builtIn && !slices.Contains(kept, scopeAPI) {
		kept = append(kept, scopeAPI)
	}
	return kept
}

// still keeps of a granted scope what the client may ask for at present.
func (c *client) still(granted []string) []string {
	return slices.DeleteFunc(slices.Clone(granted), func(one string) bool { return !c.IsScopeAllowed(one) })
}

// idTokenAlgorithm is RS256 for registered clients, because that is what they
// expect who registered nothing else (OpenID Connect Registration, section 2).
func (c *client) idTokenAlgorithm() string {
	if c.builtIn {
		return grants.ES256
	}
	return grants.RS256
}

// What follows is op.Client. Slices are copies because the library appends to
// what it gets.

// GetID is the client_id.
func (c *client) GetID() string { return c.id }

// RedirectURIs are those registered.
func (c *client) RedirectURIs() []string { return slices.Clone(c.redirects) }

// PostLogoutRedirectURIs are those registered.
func (c *client) PostLogoutRedirectURIs() []string { return slices.Clone(c.postLogout) }

// ApplicationType is not used by what decides here.
func (c *client) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }

// AuthMethod tells public clients from the others.
func (c *client) AuthMethod() protocol.AuthMethod {
	switch {
	case c.keys != nil:
		return protocol.AuthMethodPrivateKeyJWT
	case c.secret:
		return protocol.AuthMethodBasic
	}
	return protocol.AuthMethodNone
}

// ResponseTypes is code alone.
func (c *client) ResponseTypes() []protocol.ResponseType {
	return []protocol.ResponseType{protocol.ResponseTypeCode}
}

// GrantTypes are those registered.
func (c *client) GrantTypes() []protocol.GrantType { return slices.Clone(c.grants) }

// LoginURL is not used: the authorization endpoint is our own.
func (c *client) LoginURL(string) string { return pageLogin }

// AccessTokenType is always JWT.
func (c *client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// IDTokenLifetime is the same for all.
func (c *client) IDTokenLifetime() time.Duration { return idLife }

// DevMode loosens nothing, ever.
func (c *client) DevMode() bool { return false }

// RestrictAdditionalIdTokenScopes allows none.
func (c *client) RestrictAdditionalIdTokenScopes() func([]string) []string { return nothing }

// RestrictAdditionalAccessTokenScopes allows none.
func (c *client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return nothing }

func nothing([]string) []string { return nil }

// IsScopeAllowed is for scopes beyond openid, which every client may ask for.
func (c *client) IsScopeAllowed(scope string) bool {
	return scope == scopeOpenID || slices.Contains(c.scopes, scope) ||
		scope == scopeOffline && c.allows(protocol.GrantTypeRefreshToken)
}

// IDTokenUserinfoClaimsAssertion is not used: minting is our own.
func (c *client) IDTokenUserinfoClaimsAssertion() bool { return false }

// ClockSkew is not used: verification is our own.
func (c *client) ClockSkew() time.Duration { return 0 }
