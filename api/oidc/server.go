package oidc

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"tansu.cloud/platform/grants"
)

// server decides what the token endpoint and its neighbours answer. The library
// parses requests and calls VerifyClient before whatever takes an
// op.ClientRequest. Errors other than the protocol's never leave fail.
type server struct {
	op.UnimplementedServer
	*Provider
}

var _ op.Server = (*server)(nil)

// fail turns an error into one of the protocol's. What broke here goes to the log.
func (s *server) fail(ctx context.Context, err error) error {
	var known *protocol.Error
	var status op.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status), errors.As(err, &known):
		return err
	case errors.Is(err, grants.ErrUnknown), errors.Is(err, grants.ErrReplayed), errors.Is(err, grants.ErrMismatch):
		return protocol.ErrInvalidGrant().WithDescription("unknown, expired, used before, or issued for something else")
	case errors.Is(err, errNotActive), errors.Is(err, errSignedOut):
		return protocol.ErrInvalidGrant().WithDescription("the user has to sign in again")
	case errors.Is(err, errNotMember):
		return protocol.ErrInvalidGrant().WithDescription("the user is not a member of the tenant")
	case errors.Is(err, errConfined):
		return protocol.ErrInvalidGrant().WithDescription("the user signed in with another tenant's identity provider; they have to sign in with their own password or passkey")
	}
	s.Logger.ErrorContext(ctx, "oidc: a request failed", "error", err)
	return op.NewStatusError(protocol.ErrServerError().WithDescription("something broke here"), http.StatusInternalServerError)
}

// Keys shows what tokens are verified with.
func (s *server) Keys(ctx context.Context, _ *op.Request[struct{}]) (*op.Response, error) {
	set, err := s.keyring.public(ctx)
	return op.NewResponse(set), s.fail(ctx, err)
}

var errClient = func() error {
	return op.NewStatusError(protocol.ErrInvalidClient().WithDescription("unknown client, or wrong credentials"), http.StatusUnauthorized)
}

// VerifyClient authenticates who calls.
func (s *server) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	if r.Data.ClientAssertion != "" {
		return s.verifyAssertion(ctx, r)
	}
	if named := r.Form.Get("client_id"); named != "" && named != r.Data.ClientID {
		return nil, protocol.ErrInvalidRequest().WithDescription("client_id is not that of the Authorization header")
	}
	if r.Header.Get("Authorization") != "" && r.Form.Get("client_secret") != "" {
		return nil, protocol.ErrInvalidRequest().WithDescription("more than one way of client authentication")
	}
	c, err := s.client(ctx, r.Data.ClientID)
	if errors.Is(err, errNoClient) {
		return nil, errClient()
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	ok, err := s.authenticated(ctx, c, r.Data.ClientSecret)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	if !ok {
		return nil, errClient()
	}
	return c, nil
}

// CodeExchange redeems a code.
func (s *server) CodeExchange(ctx context.Context, r *op.ClientRequest[protocol.AccessTokenRequest]) (*op.Response, error) {
	c := r.Client.(*client)
	if err := s.checkTarget(r.Form); err != nil {
		return nil, err
	}
	g, err := s.Grants.RedeemCode(ctx, grants.Redemption{
		Code: r.Data.Code, ClientID: c.id, RedirectURI: r.Data.RedirectURI, Verifier: r.Data.CodeVerifier,
	})
	if errors.Is(err, grants.ErrReplayed) {
		s.refreshRevocations(ctx)
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return s.first(ctx, c, g)
}

// DeviceToken answers a device that polls.
func (s *server) DeviceToken(ctx context.Context, r *op.ClientRequest[protocol.DeviceAccessTokenRequest]) (*op.Response, error) {
	c := r.Client.(*client)
	g, err := s.Grants.PollDevice(ctx, r.Data.DeviceCode, c.id)
	switch {
	case errors.Is(err, grants.ErrPending):
		return nil, protocol.ErrAuthorizationPending()
	case errors.Is(err, grants.ErrSlowDown):
		return nil, protocol.ErrSlowDown()
	case errors.Is(err, grants.ErrDenied):
		return nil, protocol.ErrAccessDenied()
	case errors.Is(err, grants.ErrUnknown):
		return nil, protocol.ErrExpiredDeviceCode()
	case err != nil:
		return nil, s.fail(ctx, err)
	}
	return s.first(ctx, c, g)
}

// first mints the first tokens of a grant.
func (s *server) first(ctx context.Context, c *client, g grants.Grant) (*op.Response, error) {
	who, err := s.subjectOf(ctx, g.User, g.Session, g.MemberOf)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	answer, err := s.mintForUser(ctx, c, who, g, c.still(g.Scope))
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	if slices.Contains(g.Scope, scopeOffline) && c.allows(protocol.GrantTypeRefreshToken) {
		if answer.RefreshToken, err = s.Grants.IssueRefresh(ctx, g); err != nil {
			return nil, s.fail(ctx, err)
		}
	}
	return op.NewResponse(answer), nil
}

// RefreshToken replaces a refresh token. Everything that tokens depend on is
// checked again; tenant= switches to another tenant of the user's.
func (s *server) RefreshToken(ctx context.Context, r *op.ClientRequest[protocol.RefreshTokenRequest]) (*op.Response, error) {
	c := r.Client.(*client)
	if err := s.checkTarget(r.Form); err != nil {
		return nil, err
	}
	g, err := s.Grants.PeekRefresh(ctx, r.Data.RefreshToken, c.id)
	if errors.Is(err, grants.ErrReplayed) {
		s.refreshRevocations(ctx)
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	scope := g.Scope
	if asked := r.Data.Scopes; len(asked) > 0 {
		if slices.ContainsFunc(asked, func(one string) bool { return !slices.Contains(g.Scope, one) }) {
			return nil, protocol.ErrInvalidScope().WithDescription("more than was granted")
		}
		scope = asked
	}
	if wanted := r.Form.Get("tenant"); wanted != "" {
		if !c.firstParty {
			return nil, protocol.ErrUnauthorizedClient().WithDescription("the user agreed to one tenant; ask again for another")
		}
		if g.MemberOf, err = uuid.Parse(wanted); err != nil {
			return nil, protocol.ErrInvalidRequest().WithDescription("tenant must be the id of one")
		}
	}
	who, err := s.subjectOf(ctx, g.User, g.Session, g.MemberOf)
	if errors.Is(err, errNotActive) || errors.Is(err, errSignedOut) {
		if err := s.Grants.Revoke(ctx, g.ID, err.Error()); err != nil {
			return nil, s.fail(ctx, err)
		}
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	successor, err := s.Grants.Rotate(ctx, r.Data.RefreshToken, c.id, g.MemberOf)
	if errors.Is(err, grants.ErrReplayed) {
		s.refreshRevocations(ctx)
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	answer, err := s.mintForUser(ctx, c, who, g, c.still(scope))
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	answer.RefreshToken = successor
	return op.NewResponse(answer), nil
}

// ClientCredentialsExchange is how service accounts get tokens, for the tenant
// that they belong to.
func (s *server) ClientCredentialsExchange(ctx context.Context, r *op.ClientRequest[protocol.ClientCredentialsRequest]) (*op.Response, error) {
	c := r.Client.(*client)
	if c.account == nil {
		return nil, protocol.ErrUnauthorizedClient().WithDescription("only service accounts act for themselves")
	}
	if err := s.checkTarget(r.Form); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(r.Data.Scope, func(one string) bool { return one != scopeAPI }) {
		return nil, protocol.ErrInvalidScope().WithDescription("service accounts have the scope %s", scopeAPI)
	}
	token, err := s.mintAccess(ctx, accessClaims{
		Subject: c.id, Audience: s.resource(), ClientID: c.id, Scope: scopeAPI, TenantID: c.tenant.String(), Roles: c.account.Roles,
	})
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return op.NewResponse(tokenAnswer{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: int64(accessLife / time.Second), Scope: scopeAPI, TenantID: c.tenant.String(),
	}), nil
}

// checkTarget refuses resources (RFC 8707) other than the API.
func (p *Provider) checkTarget(form map[string][]string) error {
	for _, target := range form["resource"] {
		if target != p.resource() {
			return protocol.ErrInvalidTarget()
		}
	}
	return nil
}

// DeviceAuthorization begins the flow of programs without a browser (RFC 8628).
func (s *server) DeviceAuthorization(ctx context.Context, r *op.ClientRequest[protocol.DeviceAuthorizationRequest]) (*op.Response, error) {
	c := r.Client.(*client)
	if !c.allows(protocol.GrantTypeDeviceCode) {
		return nil, protocol.ErrUnauthorizedClient().WithDescription("not allowed to this client")
	}
	address := addressFrom(ctx)
	if !s.allowedToTry(ctx, "device-start", network(address), deviceStarts) {
		return nil, op.NewStatusError(protocol.ErrSlowDown(), http.StatusTooManyRequests)
	}
	if err := s.checkTarget(r.Form); err != nil {
		return nil, err
	}
	scope := c.narrow(r.Data.Scopes)
	if len(scope) == 0 {
		return nil, protocol.ErrInvalidScope().WithDescription("ask for a scope that the client may have")
	}
	device, user, interval, err := s.Grants.StartDevice(ctx, c.id, address, scope)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return op.NewResponse(protocol.DeviceAuthorizationResponse{
		DeviceCode: device, UserCode: user, VerificationURI: s.issuer + pageDevice,
		VerificationURIComplete: s.issuer + pageDevice + "?user_code=" + user,
		ExpiresIn:               int(grants.DeviceLife / time.Second), Interval: int(interval / time.Second),
	}), nil
}

// Revocation ends a grant, or one access token (RFC 7009). What is unknown, or
// another client's, is as good as revoked.
func (s *server) Revocation(ctx context.Context, r *op.ClientRequest[protocol.RevocationRequest]) (*op.Response, error) {
	c := r.Client.(*client)
	g, _, err := s.Grants.GrantOfRefresh(ctx, r.Data.Token, c.id)
	switch {
	case err == nil:
		err = s.Grants.Revoke(ctx, g.ID, "revoked by the client")
	case errors.Is(err, grants.ErrUnknown), errors.Is(err, grants.ErrMismatch):
		err = nil
		claims, invalid := s.verifyAccess(ctx, r.Data.Token, s.resource(), s.issuer+endpointUserinfo)
		if invalid == nil && claims.ClientID == c.id {
			err = s.Grants.RevokeToken(ctx, claims.ID)
		}
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	s.refreshRevocations(ctx)
	return op.NewResponse(struct{}{}), nil
}

// introspection is what RFC 7662 answers with.
type introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	ExpiresAt int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  string   `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	ID        string   `json:"jti,omitempty"`
	TenantID  string   `json:"tenant_id,omitempty"`
	Roles     []string `json:"roles,omitempty"`
}

// Introspect tells a client about its own tokens, and nothing about others'.
func (s *server) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	caller, err := s.VerifyClient(ctx, &op.Request[op.ClientCredentials]{Method: r.Method, URL: r.URL, Header: r.Header, Form: r.Form, Data: r.Data.ClientCredentials})
	if err != nil {
		return nil, err
	}
	id := caller.GetID()
	claims, err := s.verifyAccess(ctx, r.Data.Token, s.resource(), s.issuer+endpointUserinfo)
	if err == nil && claims.ClientID == id {
		return s.introspectAccess(ctx, claims)
	}
	g, current, err := s.Grants.GrantOfRefresh(ctx, r.Data.Token, id)
	if errors.Is(err, grants.ErrUnknown) || errors.Is(err, grants.ErrMismatch) || err == nil && !current {
		return op.NewResponse(introspection{}), nil
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return op.NewResponse(introspection{
		Active: true, Scope: strings.Join(g.Scope, " "), ClientID: id, TokenType: "refresh_token", ExpiresAt: g.ExpiresAt.Unix(),
		IssuedAt: g.CreatedAt.Unix(), Subject: g.User.String(), Issuer: s.issuer, TenantID: g.MemberOf.String(),
	}), nil
}

func (s *server) introspectAccess(ctx context.Context, c Claims) (*op.Response, error) {
	if c.UserID != uuid.Nil {
		_, err := s.subjectOf(ctx, c.UserID, c.SessionID, c.TenantID)
		if errors.Is(err, errNotActive) || errors.Is(err, errSignedOut) || errors.Is(err, errNotMember) || errors.Is(err, errConfined) {
			return op.NewResponse(introspection{}), nil
		}
		if err != nil {
			return nil, s.fail(ctx, err)
		}
	}
	return op.NewResponse(introspection{
		Active: true, Scope: strings.Join(c.Scope, " "), ClientID: c.ClientID, TokenType: "Bearer", ExpiresAt: c.ExpiresAt.Unix(),
		IssuedAt: c.IssuedAt.Unix(), Subject: c.Subject, Audience: s.audience(c.Scope), Issuer: s.issuer, ID: c.ID,
		TenantID: c.TenantID.String(), Roles: c.Roles,
	}), nil
}

// userinfo is what OpenID Connect Core, section 5.3, answers with.
type userinfo struct {
	Subject string `json:"sub"`
	profile
}

// UserInfo says who an access token is about.
func (s *server) UserInfo(ctx context.Context, r *op.Request[protocol.UserInfoRequest]) (*op.Response, error) {
	claims, err := s.verifyAccess(ctx, r.Data.AccessToken, s.resource(), s.issuer+endpointUserinfo)
	refused := op.NewStatusError(protocol.ErrAccessDenied().WithDescription("the access token is not valid here"), http.StatusUnauthorized)
	if err != nil || claims.UserID == uuid.Nil {
		return nil, refused
	}
	if !slices.Contains(claims.Scope, scopeOpenID) {
		return nil, op.NewStatusError(protocol.ErrInvalidScope().WithDescription("needs the scope openid"), http.StatusForbidden)
	}
	user, _, err := s.signedIn(ctx, claims.UserID, claims.SessionID)
	if errors.Is(err, errNotActive) || errors.Is(err, errSignedOut) {
		return nil, refused
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return op.NewResponse(userinfo{Subject: claims.Subject, profile: profileOf(user, claims.Scope)}), nil
}
