package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/clients"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func TestClientsWithKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	require.NoError(t, err)
	id := uuid.NewString()
	do(r, r.commands.RegisterClient, clients.Name, eventstore.SystemTenant, id, commands.RegisterClient{
		Type: clientdomain.Confidential, TokenEndpointAuth: clientdomain.AuthPrivateKeyJWT, Profile: clientdomain.Profile{
			Name: "Keyed", RedirectURIs: []string{appRedirect}, Grants: []string{clientdomain.GrantAuthorizationCode}, JWKS: keys, FirstParty: true, Scopes: []string{"api"},
		},
	})
	rp := exchanger{r.party(id, "", appRedirect, "openid", "api"), r.browser()}
	rp.b.signIn(rp.b.get("/auth/login"), "ann@example.com")
	f := r.forger()
	assertion := func(changes map[string]any) map[string]any {
		claims := map[string]any{
			"iss": id, "sub": id, "aud": r.server.URL, "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(), "jti": uuid.NewString(),
		}
		for k, v := range changes {
			if claims[k] = v; v == nil {
				delete(claims, k)
			}
		}
		return claims
	}
	signed := func(changes map[string]any) string { return f.sign(jose.ES256, key, "k1", "JWT", assertion(changes)) }
	exchange := func(assertion string, more url.Values, headers ...string) answer {
		form := rp.form()
		form.Set("client_assertion", assertion)
		form.Set("client_assertion_type", assertionType)
		for k, v := range more {
			form[k] = v
		}
		return r.token(form, headers...)
	}
	once := signed(nil)
	exchange(once, nil).ok()
	exchange(signed(map[string]any{"aud": []string{"x", r.server.URL + "/oauth/token"}}), url.Values{"client_id": {id}}).ok()
	exchange(f.sign(jose.ES256, key, "", "", assertion(nil)), nil).ok()
	_, otherSecret := r.client(clientdomain.Confidential, true, appRedirect)
	confidential, _ := r.client(clientdomain.Confidential, true, appRedirect)
	for name, got := range map[string]answer{
		"used before":         exchange(once, nil),
		"a stranger's key":    exchange(f.sign(jose.ES256, stranger, "k1", "JWT", assertion(nil)), nil),
		"another key id":      exchange(f.sign(jose.ES256, key, "k2", "JWT", assertion(nil)), nil),
		"our own key":         exchange(f.sign(jose.ES256, f.es.Private, f.es.ID, "JWT", assertion(nil)), nil),
		"HS256":               exchange(f.sign(jose.HS256, keys, "k1", "JWT", assertion(nil)), nil),
		"alg none":            exchange("eyJhbGciOiJub25lIn0."+strings.Split(once, ".")[1]+".", nil),
		"flipped":             exchange(flip(signed(nil), 60), nil),
		"other issuer":        exchange(signed(map[string]any{"iss": "x"}), nil),
		"other client":        exchange(signed(map[string]any{"iss": confidential, "sub": confidential}), nil),
		"public client":       exchange(signed(map[string]any{"iss": "tansu-cli", "sub": "tansu-cli"}), nil),
		"other audience":      exchange(signed(map[string]any{"aud": "https://evil.example"}), nil),
		"no audience":         exchange(signed(map[string]any{"aud": nil}), nil),
		"expired":             exchange(signed(map[string]any{"exp": time.Now().Unix() - 1}), nil),
		"no expiry":           exchange(signed(map[string]any{"exp": nil}), nil),
		"too long":            exchange(signed(map[string]any{"exp": time.Now().Add(time.Hour).Unix()}), nil),
		"from the future":     exchange(signed(map[string]any{"iat": time.Now().Add(time.Minute).Unix()}), nil),
		"not yet":             exchange(signed(map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}), nil),
		"no jti":              exchange(signed(map[string]any{"jti": nil}), nil),
		"long jti":            exchange(signed(map[string]any{"jti": strings.Repeat("j", 256)}), nil),
		"no assertion at all": r.token(rp.form(), basic(id, "x")),
		"a secret":            r.token(rp.form(), basic(id, otherSecret)),
		"as a public client":  r.token(func() url.Values { f := rp.form(); f.Set("client_id", id); return f }()),
		"not a JWT":           exchange("abc", nil),
	} {
		require.Equal(t, "invalid_client", got.code(), name)
	}
	require.Equal(t, "invalid_request", exchange(signed(nil), url.Values{"client_id": {confidential}}).code(), "another client_id")
	require.Equal(t, "invalid_request", exchange(signed(nil), nil, basic(id, "x")).code(), "two ways")
	fresh := signed(nil)
	require.Equal(t, 1, race(8, func() bool { return exchange(fresh, nil).status == 200 }), "of several at once one counts")
}
