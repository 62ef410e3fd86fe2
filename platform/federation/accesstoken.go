package federation

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
)

// Bounds of access tokens.
const (
	maxAccessToken = 16 << 10 // bytes
	maxAccessLife  = 24 * time.Hour
	// leeway forgives clocks of providers that differ from ours.
	leeway = time.Minute
)

// AccessToken is what a provider has said in an access token that holds.
type AccessToken struct {
	Subject             string
	IssuedAt, ExpiresAt time.Time
}

// Refusal is why an access token does not hold, for whoever sent it. It never
// repeats what stands in the token.
type Refusal string

func (r Refusal) Error() string { return "the access token does not hold: " + string(r) }

// Claim is what a token says of itself before anything of it was proved.
type Claim struct {
	Issuer   string
	Audience []string
}

// Peek reads whose a token claims to be. What it returns serves to find out who
// can tell, and proves nothing.
func Peek(token string) (claim Claim, ok bool) {
	parts, ok := split(token)
	var said claims
	if !ok || json.Unmarshal(parts[1], &said) != nil {
		return Claim{}, false
	}
	return Claim{said.text("iss"), said.list("aud")}, said.text("iss") != ""
}

// list reads a claim that is a text or a list of such.
func (c claims) list(name string) (list []string) {
	if one := c.text(name); one != "" {
		return []string{one}
	}
	_ = json.Unmarshal(c[name], &list) // what is neither is none
	return list
}

// split returns header, payload and signature of a token. It refuses all but one
// spelling of it: bits that a decoder would ignore, and line breaks.
func split(token string) (parts [3][]byte, ok bool) {
	if len(token) > maxAccessToken || strings.Count(token, ".") != 2 {
		return parts, false
	}
	for i, part := range strings.Split(token, ".") {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || part == "" || base64.RawURLEncoding.EncodedLen(len(decoded)) != len(part) {
			return parts, false
		}
		parts[i] = decoded
	}
	return parts, true
}

// VerifyAccess returns what an access token says that an issuer has made for an
// audience. Errors are a Refusal, or ErrUnreachable if the issuer's keys cannot be
// read now.
func (c *Client) VerifyAccess(ctx context.Context, issuer, audience, token string) (AccessToken, error) {
	if _, ok := split(token); !ok {
		return AccessToken{}, Refusal("it is no signed JWT of at most 16 KiB")
	}
	keys := &keySet{client: c, issuer: issuer}
	verifier := gooidc.NewVerifier(issuer, keys, &gooidc.Config{ClientID: audience, SupportedSigningAlgs: algorithmNames, Now: c.now})
	proved, err := verifier.Verify(ctx, token)
	refusal, expired := Refusal(""), (*gooidc.TokenExpiredError)(nil)
	switch {
	case keys.err != nil && !errors.As(keys.err, &refusal):
		return AccessToken{}, keys.err
	case keys.err != nil: // the library keeps its text only
		return AccessToken{}, refusal
	case errors.As(err, &expired):
		return AccessToken{}, Refusal("it has expired, or does not say when it does")
	case err != nil:
		return AccessToken{}, Refusal("its algorithm, issuer, audience or times are not as they must be")
	}
	var said claims
	if err := proved.Claims(&said); err != nil {
		return AccessToken{}, Refusal("its claims cannot be read")
	}
	if why := c.doubt(proved, said, issuer); why != "" {
		return AccessToken{}, why
	}
	return AccessToken{proved.Subject, proved.IssuedAt, proved.Expiry}, nil
}

// doubt says what speaks against a token that its issuer has signed for us.
func (c *Client) doubt(proved *gooidc.IDToken, said claims, issuer string) Refusal {
	now := c.now()
	var notBefore float64
	_, dated := said["nbf"]
	switch {
	case proved.Issuer != issuer, said.text("iss") != issuer: // the library makes an exception, and does not heed case
		return "it is of another issuer"
	case proved.Subject == "", len(proved.Subject) > maxSubject, said.text("sub") != proved.Subject:
		return "its subject is missing or too long"
	case proved.IssuedAt.IsZero():
		return "it does not say since when it is (iat)"
	case proved.IssuedAt.After(now.Add(leeway)), dated && (json.Unmarshal(said["nbf"], &notBefore) != nil || notBefore > float64(now.Add(leeway).Unix())):
		return "its time has not come yet"
	case !proved.Expiry.After(proved.IssuedAt), proved.Expiry.Sub(proved.IssuedAt) > maxAccessLife:
		return "it lives longer than 24 hours"
	case said["cnf"] != nil:
		return "it is bound to a key or certificate of its holder (cnf), which is not checked here"
	case slices.ContainsFunc([]string{"nonce", "at_hash", "c_hash"}, func(name string) bool { return said[name] != nil }),
		!slices.Contains([]string{"", "access"}, strings.ToLower(said.text("token_use"))),
		!slices.Contains([]string{"", "bearer", "jwt", "at+jwt"}, strings.ToLower(said.text("typ"))):
		return "it is an ID token, or another that is no access token"
	case said["events"] != nil:
		return "it is a logout or security event token"
	}
	return ""
}

// algorithms are those with a public key.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

var algorithmNames = func() (names []string) {
	for _, a := range algorithms {
		names = append(names, string(a))
	}
	return names
}()
