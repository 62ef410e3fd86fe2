// Package upstreamtest is an OpenID provider for tests, as careful as those that
// tenants have, and as wrong as a test wants it.
package upstreamtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// What the upstream knows its client by.
const (
	ClientID = "tansu"
	Secret   = "upstream-secret-4711"
)

// Upstream is the provider. Its fields are changed with Do.
type Upstream struct {
	URL string // the issuer

	// Claims are those of the person who signs in next. Without "sub" the upstream
	// refuses them.
	Claims map[string]any
	// UserInfo are the claims that only userinfo tells.
	UserInfo map[string]any
	// Document, IDToken and Answer spoil what is said in discovery, in ID tokens and
	// in the redirect back, if set.
	Document, IDToken func(map[string]any)
	Answer            func(url.Values)
	// Algorithm signs ID tokens. Default: ES256.
	Algorithm jose.SignatureAlgorithm
	// Keys are published instead of the one that signs, if set.
	Keys []any
	// SignKey signs instead of the key that is published, if set.
	SignKey any
	// Down has all endpoints fail.
	Down bool
	// Asked counts requests by path.
	Asked map[string]int
	// Hint is the last login_hint.
	Hint string

	t      testing.TB
	server *httptest.Server
	mu     sync.Mutex
	key    *ecdsa.PrivateKey
	keyID  string
	codes  map[string]begun
	tokens map[string]map[string]any
}

type begun struct {
	challenge, nonce, redirect string
	claims, userInfo           map[string]any
}

// New starts an upstream on a port of this machine.
func New(t testing.TB) *Upstream {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	u := &Upstream{
		t: t, key: key, keyID: "k1", Algorithm: jose.ES256, Claims: map[string]any{}, Asked: map[string]int{},
		codes: map[string]begun{}, tokens: map[string]map[string]any{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", u.discovery)
	mux.HandleFunc("GET /keys", u.keys)
	mux.HandleFunc("GET /authorize", u.authorize)
	mux.HandleFunc("POST /token", u.token)
	mux.HandleFunc("GET /userinfo", u.userInfo)
	u.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.Asked[r.URL.Path]++
		if u.Down {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(u.server.Close)
	u.URL = u.server.URL
	return u
}

// Do changes the upstream between requests.
func (u *Upstream) Do(change func(*Upstream)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(u)
}

// SignIn makes a person the one who signs in next.
func (u *Upstream) SignIn(claims map[string]any) { u.Do(func(u *Upstream) { u.Claims = claims }) }

func (u *Upstream) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer": u.URL, "authorization_endpoint": u.URL + "/authorize", "token_endpoint": u.URL + "/token", "jwks_uri": u.URL + "/keys",
		"userinfo_endpoint": u.URL + "/userinfo", "response_types_supported": []string{"code"},
		"id_token_signing_alg_values_supported":          []string{"ES256", "RS256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	}
	if u.Document != nil {
		u.Document(document)
	}
	answer(w, http.StatusOK, document)
}

func (u *Upstream) keys(w http.ResponseWriter, _ *http.Request) {
	if u.Keys != nil {
		answer(w, http.StatusOK, map[string]any{"keys": u.Keys})
		return
	}
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: u.key.Public(), KeyID: u.keyID, Algorithm: "ES256", Use: "sig"}}})
}

func (u *Upstream) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	u.Hint = q.Get("login_hint")
	if q.Get("client_id") != ClientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {u.URL}}
	if u.Claims["sub"] == nil {
		back.Set("error", "access_denied")
	} else {
		code := random()
		u.codes[code] = begun{q.Get("code_challenge"), q.Get("nonce"), q.Get("redirect_uri"), maps.Clone(u.Claims), maps.Clone(u.UserInfo)}
		back.Set("code", code)
	}
	if u.Answer != nil {
		u.Answer(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (u *Upstream) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id == "" {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if id != ClientID || secret != Secret {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": "wrong secret " + secret})
		return
	}
	code := r.FormValue("code")
	begun, known := u.codes[code]
	delete(u.codes, code)
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !known || begun.redirect != r.FormValue("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != begun.challenge {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	access := random()
	claims := map[string]any{
		"iss": u.URL, "aud": ClientID, "nonce": begun.nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	}
	maps.Copy(claims, begun.claims)
	u.tokens[access] = map[string]any{"sub": begun.claims["sub"]}
	maps.Copy(u.tokens[access], begun.userInfo)
	if u.IDToken != nil {
		u.IDToken(claims)
	}
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": u.sign(claims)})
}

func (u *Upstream) userInfo(w http.ResponseWriter, r *http.Request) {
	claims, known := u.tokens[r.Header.Get("Authorization")[len("Bearer "):]]
	if !known {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	answer(w, http.StatusOK, claims)
}

// sign makes an ID token. "none" is no algorithm that the library signs with.
func (u *Upstream) sign(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	require.NoError(u.t, err)
	if u.Algorithm == "none" {
		part := base64.RawURLEncoding.EncodeToString
		return part([]byte(`{"alg":"none","kid":"k1"}`)) + "." + part(payload) + "."
	}
	var key any = u.key
	if u.SignKey != nil {
		key = u.SignKey
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: u.Algorithm, Key: jose.JSONWebKey{Key: key, KeyID: u.keyID}}, nil)
	require.NoError(u.t, err)
	signed, err := signer.Sign(payload)
	require.NoError(u.t, err)
	token, err := signed.CompactSerialize()
	require.NoError(u.t, err)
	return token
}

// PublicKey is the key that is published.
func (u *Upstream) PublicKey() crypto.PublicKey { return u.key.Public() }

func random() string {
	b := make([]byte, 16)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away cannot be told so
}
