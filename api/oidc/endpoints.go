package oidc

import (
	"net/http"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"

	"tansu.cloud/platform/grants"
)

const (
	endpointAuthorize  = "/oauth/authorize"
	endpointToken      = "/oauth/token"
	endpointKeys       = "/oauth/keys"
	endpointIntrospect = "/oauth/introspect"
	endpointRevoke     = "/oauth/revoke"
	endpointUserinfo   = "/oauth/userinfo"
	endpointEndSession = "/oauth/end_session"
	endpointDevice     = "/oauth/device_authorization"

	pathDiscovery      = "/.well-known/openid-configuration"
	pathServerMetadata = "/.well-known/oauth-authorization-server"
)

// The library serves the endpoints that programs call; those that browsers visit
// are our own.
func libraryEndpoints() op.Endpoints {
	return op.Endpoints{
		Token: op.NewEndpoint(endpointToken), JwksURI: op.NewEndpoint(endpointKeys), Introspection: op.NewEndpoint(endpointIntrospect),
		Revocation: op.NewEndpoint(endpointRevoke), Userinfo: op.NewEndpoint(endpointUserinfo), DeviceAuthorization: op.NewEndpoint(endpointDevice),
	}
}

// discovery describes the provider (OpenID Connect Discovery, RFC 8414). It
// promises what is there and nothing else.
type discovery struct {
	Issuer                            string                    `json:"issuer"`
	AuthorizationEndpoint             string                    `json:"authorization_endpoint"`
	TokenEndpoint                     string                    `json:"token_endpoint"`
	JWKSURI                           string                    `json:"jwks_uri"`
	UserinfoEndpoint                  string                    `json:"userinfo_endpoint"`
	EndSessionEndpoint                string                    `json:"end_session_endpoint"`
	RevocationEndpoint                string                    `json:"revocation_endpoint"`
	IntrospectionEndpoint             string                    `json:"introspection_endpoint"`
	DeviceAuthorizationEndpoint       string                    `json:"device_authorization_endpoint"`
	ScopesSupported                   []string                  `json:"scopes_supported"`
	ResponseTypesSupported            []string                  `json:"response_types_supported"`
	ResponseModesSupported            []string                  `json:"response_modes_supported"`
	GrantTypesSupported               []string                  `json:"grant_types_supported"`
	SubjectTypesSupported             []string                  `json:"subject_types_supported"`
	IDTokenSigningAlgValuesSupported  []string                  `json:"id_token_signing_alg_values_supported"`
	TokenEndpointAuthMethodsSupported []string                  `json:"token_endpoint_auth_methods_supported"`
	TokenEndpointAuthSigningAlgs      []jose.SignatureAlgorithm `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthMethodsSupported    []string                  `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuthMethodsSupported []string                  `json:"introspection_endpoint_auth_methods_supported"`
	CodeChallengeMethodsSupported     []string                  `json:"code_challenge_methods_supported"`
	ClaimsSupported                   []string                  `json:"claims_supported"`
	PromptValuesSupported             []string                  `json:"prompt_values_supported"`
	ACRValuesSupported                []string                  `json:"acr_values_supported"`
	RequestParameterSupported         bool                      `json:"request_parameter_supported"`
	RequestURIParameterSupported      bool                      `json:"request_uri_parameter_supported"`
	AuthorizationResponseIssSupported bool                      `json:"authorization_response_iss_parameter_supported"`
	ProtectedResources                []string                  `json:"protected_resources"`
}

func (p *Provider) discovery() discovery {
	secret := []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	public := append([]string{"none"}, secret...)
	return discovery{
		Issuer: p.issuer, AuthorizationEndpoint: p.issuer + endpointAuthorize, TokenEndpoint: p.issuer + endpointToken,
		JWKSURI: p.issuer + endpointKeys, UserinfoEndpoint: p.issuer + endpointUserinfo, EndSessionEndpoint: p.issuer + endpointEndSession,
		RevocationEndpoint: p.issuer + endpointRevoke, IntrospectionEndpoint: p.issuer + endpointIntrospect,
		DeviceAuthorizationEndpoint: p.issuer + endpointDevice,
		ScopesSupported:             allScopes, ResponseTypesSupported: []string{"code"}, ResponseModesSupported: []string{"query"},
		GrantTypesSupported:   []string{"authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"},
		SubjectTypesSupported: []string{"public"}, IDTokenSigningAlgValuesSupported: []string{grants.RS256, grants.ES256},
		TokenEndpointAuthMethodsSupported: public, RevocationAuthMethodsSupported: public, IntrospectionAuthMethodsSupported: secret,
		TokenEndpointAuthSigningAlgs:  assertionAlgorithms,
		CodeChallengeMethodsSupported: []string{"S256"},
		ClaimsSupported:               []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "sid", "at_hash", "amr", "acr", "name", "email", "email_verified", "updated_at"},
		ACRValuesSupported:            allACR,
		PromptValuesSupported:         []string{"none", "login", "consent", "select_account"}, AuthorizationResponseIssSupported: true,
		ProtectedResources: []string{p.resource()},
	}
}

func (p *Provider) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, p.discovery())
}
