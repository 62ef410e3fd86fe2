package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tansu.cloud/domain"
)

// Limits of what a client may register.
const (
	MaxName         = 100 // characters
	MaxRedirectURIs = 20
	MaxURI          = 2_000 // bytes
	MaxScopes       = 50
	MaxScope        = 100    // bytes
	MaxJWKS         = 16_000 // bytes
	maxKeys         = 10
)

// check checks a profile for a client of a type that proves itself like so.
func (p Profile) check(auth Auth) []domain.FieldError {
	problems := domain.CheckLine("/name", p.Name, MaxName)
	problems = append(problems, checkURIs("/redirect_uris", p.RedirectURIs)...)
	problems = append(problems, checkURIs("/post_logout_redirect_uris", p.PostLogoutRedirectURIs)...)
	problems = append(problems, p.checkGrants()...)
	problems = append(problems, checkScopes(p.Scopes)...)
	return append(problems, checkJWKS(p.JWKS, auth)...)
}

func (p Profile) checkGrants() []domain.FieldError {
	if len(p.Grants) == 0 {
		return []domain.FieldError{{Field: "/grants", Code: "required", Message: "must name at least one grant"}}
	}
	var problems []domain.FieldError
	for i, grant := range p.Grants {
		at := "/grants/" + strconv.Itoa(i)
		switch {
		case grant != GrantAuthorizationCode && grant != GrantRefreshToken && grant != GrantDeviceCode:
			problems = append(problems, domain.FieldError{Field: at, Code: "unknown", Message: "must be authorization_code, refresh_token or device_code"})
		case slices.Contains(p.Grants[:i], grant):
			problems = append(problems, domain.FieldError{Field: at, Code: "repeated", Message: "is named twice; name it once"})
		}
	}
	code := slices.Contains(p.Grants, GrantAuthorizationCode)
	if code && len(p.RedirectURIs) == 0 {
		problems = append(problems, domain.FieldError{Field: "/redirect_uris", Code: "required", Message: "must have an address to which authorization codes are sent"})
	}
	if !code && !slices.Contains(p.Grants, GrantDeviceCode) && len(problems) == 0 {
		problems = append(problems, domain.FieldError{Field: "/grants", Code: "incomplete", Message: "must hold authorization_code or device_code: a refresh token comes from one of these"})
	}
	return problems
}

// checkScopes checks scopes as RFC 6749, section 3.3, writes them.
func checkScopes(scopes []string) []domain.FieldError {
	if len(scopes) > MaxScopes {
		return []domain.FieldError{{Field: "/scopes", Code: "too_many", Message: fmt.Sprintf("has %d scopes, at most %d are allowed", len(scopes), MaxScopes)}}
	}
	var problems []domain.FieldError
	for i, scope := range scopes {
		at := "/scopes/" + strconv.Itoa(i)
		switch {
		case scope == "" || len(scope) > MaxScope || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }):
			problems = append(problems, domain.FieldError{Field: at, Code: "malformed", Message: `must be 1 to 100 visible ASCII characters without " and \`})
		case slices.Contains(scopes[:i], scope):
			problems = append(problems, domain.FieldError{Field: at, Code: "repeated", Message: "is named twice; name it once"})
		}
	}
	return problems
}

// checkJWKS checks that there are keys if, and only if, the client signs with
// one, and that none of them is the secret half. Which keys are strong enough is
// for whoever verifies with them.
func checkJWKS(jwks json.RawMessage, auth Auth) []domain.FieldError {
	problem := func(code, message string) []domain.FieldError {
		return []domain.FieldError{{Field: "/jwks", Code: code, Message: message}}
	}
	switch {
	case auth != AuthPrivateKeyJWT && len(jwks) == 0:
		return nil
	case auth != AuthPrivateKeyJWT:
		return problem("not_allowed", "must be left out, because the client does not use private_key_jwt")
	case len(jwks) == 0:
		return problem("required", "must hold the client's public keys, because it uses private_key_jwt")
	case len(jwks) > MaxJWKS:
		return problem("too_long", fmt.Sprintf("has %d bytes, at most %d are allowed", len(jwks), MaxJWKS))
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return problem("malformed", `must be a JSON Web Key Set: {"keys": [...]} with 1 to 10 keys`)
	}
	for i, key := range set.Keys {
		at := "/jwks/keys/" + strconv.Itoa(i)
		if key["kty"] != "EC" && key["kty"] != "RSA" && key["kty"] != "OKP" {
			return []domain.FieldError{{Field: at + "/kty", Code: "unknown", Message: "must be EC, RSA or OKP"}}
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, leaked := key[private]; leaked {
				return []domain.FieldError{{Field: at + "/" + private, Code: "private", Message: "belongs to the private key; give the public key only, and make a new pair, since this one was sent"}}
			}
		}
	}
	return nil
}

// normal returns the profile as it is stored.
func (p Profile) normal() Profile {
	p.Name = strings.TrimSpace(p.Name)
	p.RedirectURIs = append([]string{}, p.RedirectURIs...)
	p.PostLogoutRedirectURIs = append([]string{}, p.PostLogoutRedirectURIs...)
	p.Grants, p.Scopes = append([]string{}, p.Grants...), append([]string{}, p.Scopes...)
	slices.Sort(p.Grants)
	slices.Sort(p.Scopes)
	var compact bytes.Buffer
	if json.Compact(&compact, p.JWKS) == nil && compact.Len() > 0 {
		p.JWKS = compact.Bytes()
	}
	return p
}

func (p Profile) equal(o Profile) bool {
	return p.Name == o.Name && slices.Equal(p.RedirectURIs, o.RedirectURIs) &&
		slices.Equal(p.PostLogoutRedirectURIs, o.PostLogoutRedirectURIs) && slices.Equal(p.Grants, o.Grants) &&
		bytes.Equal(p.JWKS, o.JWKS) && slices.Equal(p.Scopes, o.Scopes) && p.FirstParty == o.FirstParty
}
