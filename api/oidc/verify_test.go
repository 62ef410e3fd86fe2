package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/oidc"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/platform/grants"
)

// forger signs what it likes, with the provider's own keys too.
type forger struct {
	r      *rig
	es, rs grants.SigningKey
}

func (r *rig) forger() forger {
	r.t.Helper()
	f := forger{r: r}
	keys, err := r.grants.SigningKeys(r.t.Context())
	require.NoError(r.t, err)
	for _, k := range keys {
		if k.Algorithm == grants.ES256 {
			f.es = k
		} else {
			f.rs = k
		}
	}
	return f
}

func (f forger) sign(alg jose.SignatureAlgorithm, key any, kid, typ string, claims any, more ...func(*jose.SignerOptions)) string {
	f.r.t.Helper()
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	for _, change := range more {
		change(options)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, options)
	require.NoError(f.r.t, err)
	payload, err := json.Marshal(claims)
	require.NoError(f.r.t, err)
	signed, err := signer.Sign(payload)
	require.NoError(f.r.t, err)
	text, err := signed.CompactSerialize()
	require.NoError(f.r.t, err)
	return text
}

func TestForgedAccessTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, user := r.someone()
	token := r.cli().signIn(r.browser(), "ann@example.com")
	f := r.forger()
	parts := strings.Split(token.AccessToken, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var genuine map[string]any
	require.NoError(t, json.Unmarshal(raw, &genuine))
	with := func(changes map[string]any) map[string]any {
		claims := maps.Clone(genuine)
		for k, v := range changes {
			if claims[k] = v; v == nil {
				delete(claims, k)
			}
		}
		return claims
	}
	ours := func(changes map[string]any) string {
		return f.sign(jose.ES256, f.es.Private, f.es.ID, "at+jwt", with(changes))
	}
	_, err = r.provider.Verify(t.Context(), ours(nil))
	require.NoError(t, err, "the forger knows how")

	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(f.es.Private.Public())
	require.NoError(t, err)
	rsaPublic, err := x509.MarshalPKIXPublicKey(f.rs.Private.Public())
	require.NoError(t, err)
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	_, account, _ := r.serviceAccount(r.tenant("robots", "Robots"), permission.Viewer)
	now := time.Now().Unix()
	for name, forged := range map[string]string{
		"nothing":                   "",
		"opaque":                    "abc",
		"two parts":                 parts[0] + "." + parts[1],
		"four parts":                token.AccessToken + ".x",
		"no signature":              parts[0] + "." + parts[1] + ".",
		"alg none":                  header(`{"alg":"none","typ":"at+jwt"}`) + "." + parts[1] + ".",
		"alg None":                  header(`{"alg":"None","typ":"at+jwt"}`) + "." + parts[1] + ".",
		"alg none with signature":   header(`{"alg":"none","typ":"at+jwt","kid":"`+f.es.ID+`"}`) + "." + parts[1] + "." + parts[2],
		"HS256 with the public key": f.sign(jose.HS256, public, f.es.ID, "at+jwt", genuine),
		"HS256 with its PEM":        f.sign(jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), f.es.ID, "at+jwt", genuine),
		"HS256 with the RSA key":    f.sign(jose.HS256, rsaPublic, f.rs.ID, "at+jwt", genuine),
		"RS256":                     f.sign(jose.RS256, f.rs.Private, f.rs.ID, "at+jwt", genuine),
		"PS256":                     f.sign(jose.PS256, f.rs.Private, f.rs.ID, "at+jwt", genuine),
		"ES256 under the RSA id":    f.sign(jose.ES256, f.es.Private, f.rs.ID, "at+jwt", genuine),
		"a stranger's key":          f.sign(jose.ES256, stranger, f.es.ID, "at+jwt", genuine),
		"a stranger's id":           f.sign(jose.ES256, stranger, "mine", "at+jwt", genuine),
		"no id":                     f.sign(jose.ES256, f.es.Private, "", "at+jwt", genuine),
		"its own key along":         f.sign(jose.ES256, stranger, "", "at+jwt", genuine, func(o *jose.SignerOptions) { o.EmbedJWK = true }),
		"its key elsewhere":         f.sign(jose.ES256, stranger, f.es.ID, "at+jwt", genuine, func(o *jose.SignerOptions) { o.WithHeader("jku", "https://evil.example/keys") }),
		"unknown crit":              f.sign(jose.ES256, f.es.Private, f.es.ID, "at+jwt", genuine, func(o *jose.SignerOptions) { o.WithHeader("crit", []string{"x"}).WithHeader("x", 1) }),
		"ID token":                  token.Extra("id_token").(string),
		"typ JWT":                   f.sign(jose.ES256, f.es.Private, f.es.ID, "JWT", genuine),
		"no typ":                    f.sign(jose.ES256, f.es.Private, f.es.ID, "", genuine),
		"refresh token":             token.RefreshToken,
		"token_use id":              ours(map[string]any{"token_use": "id"}),
		"no token_use":              ours(map[string]any{"token_use": nil}),
		"other issuer":              ours(map[string]any{"iss": "https://evil.example"}),
		"issuer with slash":         ours(map[string]any{"iss": r.server.URL + "/"}),
		"no issuer":                 ours(map[string]any{"iss": nil}),
		"audience of the client":    ours(map[string]any{"aud": oidc.ClientCLI}),
		"audience of userinfo":      ours(map[string]any{"aud": r.server.URL + "/oauth/userinfo"}),
		"issuer as audience":        ours(map[string]any{"aud": r.server.URL}),
		"no audience":               ours(map[string]any{"aud": nil}),
		"several audiences":         ours(map[string]any{"aud": []string{r.server.URL + "/v1", "x"}}),
		"expired":                   ours(map[string]any{"exp": now - 1}),
		"expires this second":       ours(map[string]any{"exp": now}),
		"never expires":             ours(map[string]any{"exp": nil}),
		"expires in words":          ours(map[string]any{"exp": "tomorrow"}),
		"expires as a fraction":     ours(map[string]any{"exp": 1e300}),
		"from the future":           ours(map[string]any{"iat": now + 60}),
		"no jti":                    ours(map[string]any{"jti": nil}),
		"no tenant":                 ours(map[string]any{"tenant_id": nil}),
		"tenant is no id":           ours(map[string]any{"tenant_id": "acme"}),
		"no session":                ours(map[string]any{"sid": nil}),
		"no subject":                ours(map[string]any{"sub": nil}),
		"nil subject":               ours(map[string]any{"sub": uuid.Nil.String()}),
		"subject is no id":          ours(map[string]any{"sub": "root"}),
		"account of another tenant": ours(map[string]any{"sub": account, "tenant_id": tenant.String()}),
		"malformed account":         ours(map[string]any{"sub": "tsa_x"}),
		"space around":              " " + token.AccessToken,
		"line break":                token.AccessToken + "\n",
		"padding":                   token.AccessToken + "=",
		"too long":                  ours(map[string]any{"scope": strings.Repeat("a", 9000)}),
		"as JSON":                   `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	} {
		_, err := r.provider.Verify(t.Context(), forged)
		require.ErrorIs(t, err, oidc.ErrTokenInvalid, name)
		got := r.send(http.MethodGet, "/oauth/userinfo", "", "Authorization: Bearer "+strings.NewReplacer("\n", "", " ", "").Replace(forged))
		if name != "audience of userinfo" && name != "space around" && name != "line break" {
			require.Equal(t, http.StatusUnauthorized, got.status, name)
			require.Contains(t, got.header.Get("WWW-Authenticate"), "Bearer", name)
		}
	}
	claims, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, user, claims.UserID)
}

// No single bit of a token can change.
func TestFlippedAccessToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	token := r.cli().signIn(r.browser(), "ann@example.com").AccessToken
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range len(token) {
		if token[i] == '.' {
			continue
		}
		for bit := range 6 {
			flipped := token[:i] + string(letters[strings.IndexByte(letters, token[i])^1<<bit]) + token[i+1:]
			_, err := r.provider.Verify(t.Context(), flipped)
			require.ErrorIs(t, err, oidc.ErrTokenInvalid, "character %d, bit %d", i, bit)
		}
	}
}

func TestAccessTokenExpires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	token := r.cli().signIn(r.browser(), "ann@example.com").AccessToken
	r.clock.advance(9 * time.Minute)
	_, err := r.provider.Verify(t.Context(), token)
	require.NoError(t, err)
	r.clock.advance(61 * time.Second)
	_, err = r.provider.Verify(t.Context(), token)
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)
}

// A token from another installation with keys of its own, and one of a key that
// was published after this process had read the keys.
func TestKeysOfOthersAndLaterKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	token := r.cli().signIn(r.browser(), "ann@example.com").AccessToken
	other := newRig(t)
	_, err := other.provider.Verify(t.Context(), token)
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)

	r.clock.advance(grants.RotateEvery)
	keys, err := r.grants.SigningKeys(t.Context()) // as another node would
	require.NoError(t, err)
	require.Len(t, keys, 4)
	r.clock.advance(grants.PublishAhead + time.Minute)
	fresh := r.cli().refresh(r.cli().signIn(r.browser(), "ann@example.com").RefreshToken)
	_, err = r.provider.Verify(t.Context(), fresh.AccessToken)
	require.NoError(t, err)
	parsed, err := jose.ParseSignedCompact(fresh.AccessToken, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	require.NotEqual(t, keys[0].ID, parsed.Signatures[0].Header.KeyID, "the new key signs")
}

// A key that has leaked after its time signs nothing that counts, nor does one
// before its time.
func TestKeysCountInTheirTimeOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	f := r.forger()
	forged := func(key grants.SigningKey) string {
		token := r.cli().signIn(r.browser(), "ann@example.com").AccessToken
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		require.NoError(t, err)
		return f.sign(jose.ES256, key.Private, key.ID, "at+jwt", json.RawMessage(payload))
	}
	_, err := r.provider.Verify(t.Context(), forged(f.es))
	require.NoError(t, err, "the forger knows how")
	r.clock.advance(grants.RotateEvery)
	_, err = r.grants.SigningKeys(t.Context())
	require.NoError(t, err)
	r.clock.advance(grants.PublishAhead + grants.VerifyFor + time.Minute)
	_, err = r.provider.Verify(t.Context(), forged(f.es))
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)
	shown := r.send(http.MethodGet, "/oauth/keys", "").body
	require.NotContains(t, shown, f.es.ID)
}
