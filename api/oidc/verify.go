package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/grants"
)

const (
	maxToken = 8 << 10
	// skew forgives clocks of nodes that differ.
	skew = 5 * time.Second
)

// Verify checks an access token for the API with what is in memory: signature,
// type, issuer, audience, times and revocation.
func (p *Provider) Verify(ctx context.Context, token string) (Claims, error) {
	return p.verifyAccess(ctx, token, p.resource())
}

// Revoked reports whether a token, or what it was minted from, ended early; for
// callers who keep what Verify returned.
func (p *Provider) Revoked(c Claims) bool { return p.keyring.isRevoked(c) }

// verifyAccess accepts a token for one of several audiences.
func (p *Provider) verifyAccess(ctx context.Context, token string, audiences ...string) (Claims, error) {
	payload, err := p.open(ctx, token, accessType, grants.ES256)
	if err != nil {
		return Claims{}, err
	}
	var c accessClaims
	if json.Unmarshal(payload, &c) != nil {
		return Claims{}, ErrTokenInvalid
	}
	if p.keyring.revoked.Load() == nil { // Run has not read them yet
		if err := p.keyring.loadRevocations(ctx); err != nil {
			return Claims{}, err
		}
	}
	now := p.Now()
	switch {
	case c.Issuer != p.issuer,
		c.TokenUse != "access",
		!slices.Contains(audiences, c.Audience),
		!now.Before(time.Unix(c.ExpiresAt, 0)),
		now.Add(skew).Before(time.Unix(c.IssuedAt, 0)),
		c.ID == "":
		return Claims{}, ErrTokenInvalid
	}
	claims, err := c.claims()
	if err != nil || p.keyring.isRevoked(claims) {
		return Claims{}, ErrTokenInvalid
	}
	return claims, nil
}

func (c accessClaims) claims() (claims Claims, err error) {
	claims = Claims{
		ID: c.ID, Grant: c.Grant, Subject: c.Subject, ClientID: c.ClientID, Scope: strings.Fields(c.Scope), Roles: c.Roles,
		IssuedAt: time.Unix(c.IssuedAt, 0).UTC(), ExpiresAt: time.Unix(c.ExpiresAt, 0).UTC(),
	}
	if claims.TenantID, err = uuid.Parse(c.TenantID); err != nil {
		return Claims{}, ErrTokenInvalid
	}
	if strings.HasPrefix(c.Subject, serviceAccountPrefix) {
		tenant, id, err := credentials.ParseServiceAccountClientID(c.Subject)
		if err != nil || tenant != claims.TenantID {
			return Claims{}, ErrTokenInvalid
		}
		claims.ServiceAccountID = id
		return claims, nil
	}
	if claims.UserID, err = uuid.Parse(c.Subject); err != nil || claims.UserID == uuid.Nil {
		return Claims{}, ErrTokenInvalid
	}
	if claims.SessionID, err = uuid.Parse(c.SessionID); err != nil {
		return Claims{}, ErrTokenInvalid
	}
	return claims, nil
}

// open checks type and signature, with one of the given algorithms and a key of
// ours; what the token says about keys does not count.
func (p *Provider) open(ctx context.Context, token, typ string, algorithms ...string) ([]byte, error) {
	if len(token) > maxToken || !canonical(token) {
		return nil, ErrTokenInvalid
	}
	var accepted []jose.SignatureAlgorithm
	for _, a := range algorithms {
		accepted = append(accepted, jose.SignatureAlgorithm(a))
	}
	parsed, err := jose.ParseSignedCompact(token, accepted)
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, ErrTokenInvalid
	}
	header := parsed.Signatures[0].Protected
	if said, _ := header.ExtraHeaders[jose.HeaderType].(string); said != typ {
		return nil, ErrTokenInvalid
	}
	key, ok := p.keyring.find(ctx, header.KeyID, header.Algorithm)
	if !ok {
		return nil, ErrTokenInvalid
	}
	payload, err := parsed.Verify(key.Private.Public())
	if err != nil {
		return nil, ErrTokenInvalid
	}
	return payload, nil
}

// canonical refuses all but one spelling of a token: bits that the decoder would
// ignore, and line breaks.
func canonical(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodedLen(len(decoded)) != len(part) {
			return false
		}
	}
	return true
}

// hint opens an ID token of ours that a client sends back; it may have expired.
func (p *Provider) hint(ctx context.Context, token string) (idClaims, bool) {
	payload, err := p.open(ctx, token, idType, grants.ES256, grants.RS256)
	var c idClaims
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return c, false
	}
	return c, c.Issuer == p.issuer && c.TokenUse == "id"
}

// leftHalf is the hash by which an ID token names its access token.
func leftHalf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
