package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/grants"
)

const (
	accessLife = 10 * time.Minute
	idLife     = 10 * time.Minute
)

// The types of tokens: RFC 9068 tells access tokens from all other JWTs.
const (
	accessType = "at+jwt"
	idType     = "JWT"
)

// The scopes that mean something here.
const (
	scopeOpenID  = "openid"
	scopeProfile = "profile"
	scopeEmail   = "email"
	scopeOffline = "offline_access"
	// scopeAPI lets a client act for its user. Without it an access token is good
	// for the userinfo endpoint only.
	scopeAPI = "api"
)

var allScopes = []string{scopeOpenID, scopeProfile, scopeEmail, scopeOffline, scopeAPI}

// accessClaims is the payload of an access token.
type accessClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	ExpiresAt int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	ID        string   `json:"jti"`
	ClientID  string   `json:"client_id"`
	Scope     string   `json:"scope"`
	TenantID  string   `json:"tenant_id"`
	Roles     []string `json:"roles"`
	SessionID string   `json:"sid,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	Grant     string   `json:"grant_id,omitempty"`
	TokenUse  string   `json:"token_use"`
}

// idClaims is the payload of an ID token. It names the client alone as its
// audience, so that nobody else takes it for anything.
type idClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	ExpiresAt int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	AuthTime  int64    `json:"auth_time"`
	Nonce     string   `json:"nonce,omitempty"`
	SessionID string   `json:"sid"`
	AtHash    string   `json:"at_hash"`
	TokenUse  string   `json:"token_use"`
	AMR       []string `json:"amr,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	profile
}

// profile is what ID tokens and userinfo say of a user, as far as the scope
// allows.
type profile struct {
	Name          string `json:"name,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
	UpdatedAt     int64  `json:"updated_at,omitempty"`
}

// tokenAnswer is what the token endpoint answers with.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	TenantID     string `json:"tenant_id,omitempty"`
}

// audience is the API for those who may use it, and userinfo for all others.
func (p *Provider) audience(scope []string) string {
	if slices.Contains(scope, scopeAPI) {
		return p.resource()
	}
	return p.issuer + endpointUserinfo
}

func (p *Provider) resource() string { return p.issuer + "/v1" }

// mintAccess signs an access token.
func (p *Provider) mintAccess(ctx context.Context, c accessClaims) (string, error) {
	now := p.Now()
	c.Issuer, c.IssuedAt, c.ExpiresAt, c.TokenUse = p.issuer, now.Unix(), now.Add(accessLife).Unix(), "access"
	c.ID = uuid.NewString()
	if c.Roles == nil {
		c.Roles = []string{}
	}
	return p.mint(ctx, grants.ES256, accessType, c)
}

func (p *Provider) mint(ctx context.Context, algorithm, typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	token, err := p.keyring.sign(ctx, algorithm, typ, payload)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}

// mintForUser makes the tokens of a grant for its present tenant. Whether the
// user may have them has just been checked by subjectOf.
func (p *Provider) mintForUser(ctx context.Context, c *client, s subject, g grants.Grant, scope []string) (tokenAnswer, error) {
	token, err := p.mintAccess(ctx, accessClaims{
		Subject: g.User.String(), Audience: p.audience(scope), ClientID: c.id, Scope: strings.Join(scope, " "),
		TenantID: g.MemberOf.String(), Roles: s.roles, SessionID: g.Session.String(), AuthTime: g.AuthTime.Unix(), Grant: g.ID.String(),
	})
	if err != nil {
		return tokenAnswer{}, err
	}
	answer := tokenAnswer{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: int64(accessLife / time.Second),
		Scope: strings.Join(scope, " "), TenantID: g.MemberOf.String(),
	}
	if slices.Contains(scope, scopeOpenID) {
		now := p.Now()
		amr, acr := methodClaims(s.method)
		answer.IDToken, err = p.mint(ctx, c.idTokenAlgorithm(), idType, idClaims{
			Issuer: p.issuer, Subject: g.User.String(), Audience: c.id, ExpiresAt: now.Add(idLife).Unix(), IssuedAt: now.Unix(),
			AuthTime: g.AuthTime.Unix(), Nonce: g.Nonce, SessionID: g.Session.String(), AtHash: leftHalf(token), TokenUse: "id", AMR: amr, ACR: acr,
			profile: profileOf(s.user, scope),
		})
	}
	return answer, err
}
