package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	// maxAssertionLife bounds how long the ids of assertions are remembered.
	maxAssertionLife = 10 * time.Minute
	maxAssertionID   = 255
)

// assertionAlgorithms are those of public keys; nothing is ever verified with a
// shared secret.
var assertionAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.RS256, jose.PS256}

// assertionClaims is what a client says about itself (RFC 7523, section 3).
type assertionClaims struct {
	Issuer    string    `json:"iss"`
	Subject   string    `json:"sub"`
	Audience  audiences `json:"aud"`
	ExpiresAt int64     `json:"exp"`
	IssuedAt  int64     `json:"iat"`
	NotBefore int64     `json:"nbf"`
	ID        string    `json:"jti"`
}

// audiences is one text or several.
type audiences []string

// UnmarshalJSON reads both forms.
func (a *audiences) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audiences{one}
		return nil
	}
	var several []string
	err := json.Unmarshal(data, &several)
	*a = several
	return err
}

// verifyAssertion authenticates a client by a JWT that its private key signed.
func (s *server) verifyAssertion(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	if r.Header.Get("Authorization") != "" || r.Form.Get("client_secret") != "" {
		return nil, protocol.ErrInvalidRequest().WithDescription("more than one way of client authentication")
	}
	text := r.Data.ClientAssertion
	if len(text) > maxToken || !canonical(text) {
		return nil, errClient()
	}
	parsed, err := jose.ParseSignedCompact(text, assertionAlgorithms)
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, errClient()
	}
	var said assertionClaims
	if json.Unmarshal(parsed.UnsafePayloadWithoutVerification(), &said) != nil || said.Issuer != said.Subject {
		return nil, errClient()
	}
	if named := r.Form.Get("client_id"); named != "" && named != said.Subject {
		return nil, protocol.ErrInvalidRequest().WithDescription("client_id is not that of the assertion")
	}
	c, err := s.client(ctx, said.Subject)
	if errors.Is(err, errNoClient) || err == nil && c.keys == nil {
		return nil, errClient()
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	if !c.signed(parsed) || !s.holds(said) {
		return nil, errClient()
	}
	first, err := s.Grants.UseAssertion(ctx, c.id, said.ID, time.Unix(said.ExpiresAt, 0).Add(skew))
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	if !first {
		return nil, op.NewStatusError(protocol.ErrInvalidClient().WithDescription("the assertion was used before"), http.StatusUnauthorized)
	}
	return c, nil
}

// holds checks what a signed assertion says.
func (s *server) holds(c assertionClaims) bool {
	now := s.Now()
	expires := time.Unix(c.ExpiresAt, 0)
	addressed := slices.ContainsFunc(c.Audience, func(a string) bool { return a == s.issuer || a == s.issuer+endpointToken })
	return addressed && c.ID != "" && len(c.ID) <= maxAssertionID &&
		now.Before(expires) && expires.Sub(now) <= maxAssertionLife+skew &&
		!now.Add(skew).Before(time.Unix(c.IssuedAt, 0)) && !now.Add(skew).Before(time.Unix(c.NotBefore, 0))
}

// signed reports whether one of the client's keys made the signature: the one
// that the assertion names, else whichever fits.
func (c *client) signed(parsed *jose.JSONWebSignature) bool {
	header := parsed.Signatures[0].Protected
	return slices.ContainsFunc(c.keys.Keys, func(key jose.JSONWebKey) bool {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm || !key.IsPublic() {
			return false
		}
		_, err := parsed.Verify(key.Key)
		return err == nil
	})
}
