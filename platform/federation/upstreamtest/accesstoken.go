package upstreamtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// Audience is that of access tokens which a test means to be accepted.
const Audience = "https://api.tansu.example.com"

// AccessToken makes an access token for somebody, from a time on for five minutes.
// What the claims say besides, or nil for what is to be left out, comes last.
func (u *Upstream) AccessToken(subject string, at time.Time, claims map[string]any) string {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.Sign(jose.ES256, jose.JSONWebKey{Key: u.key, KeyID: u.keyID}, "at+jwt", u.AccessClaims(subject, at, claims))
}

// AccessClaims are the claims of such a token.
func (u *Upstream) AccessClaims(subject string, at time.Time, claims map[string]any) map[string]any {
	all := map[string]any{
		"iss": u.URL, "sub": subject, "aud": []string{"account", Audience}, "iat": at.Unix(), "exp": at.Add(5 * time.Minute).Unix(), "azp": "a-program",
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

// Sign makes a token of a type, "" for none, in the header.
func (u *Upstream) Sign(algorithm jose.SignatureAlgorithm, key any, typ string, claims map[string]any) string {
	u.t.Helper()
	options := &jose.SignerOptions{}
	if typ != "" {
		options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	require.NoError(u.t, err)
	payload, err := json.Marshal(claims)
	require.NoError(u.t, err)
	signed, err := signer.Sign(payload)
	require.NoError(u.t, err)
	token, err := signed.CompactSerialize()
	require.NoError(u.t, err)
	return token
}

// SigningKey is the private key of the moment, with its name.
func (u *Upstream) SigningKey() jose.JSONWebKey {
	u.mu.Lock()
	defer u.mu.Unlock()
	return jose.JSONWebKey{Key: u.key, KeyID: u.keyID}
}

// Rotate puts another key, of another name, in the place of the one that signs and
// is published.
func (u *Upstream) Rotate() {
	u.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(u.t, err)
	u.Do(func(u *Upstream) { u.key, u.keyID = key, u.keyID+"+" })
}

// AskedFor is how often a path was asked for.
func (u *Upstream) AskedFor(path string) (n int) {
	u.Do(func(u *Upstream) { n = u.Asked[path] })
	return n
}
