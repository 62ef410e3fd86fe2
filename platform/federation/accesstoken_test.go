package federation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/federation/upstreamtest"
)

// hand is a clock that stands still until it is moved.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func newHand() *hand { return &hand{now: time.Now()} }

func (h *hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func TestAnAccessTokenHolds(t *testing.T) {
	t.Parallel()
	u, clock := upstreamtest.New(t), newHand()
	c := client(t, clock.Now)
	now := clock.Now()
	for name, claims := range map[string]map[string]any{
		"as it is":            nil,
		"one audience":        {"aud": upstreamtest.Audience},
		"of Keycloak":         {"typ": "Bearer", "scope": "openid", "session_state": "s"},
		"of Cognito":          {"token_use": "access"},
		"with a nbf":          {"nbf": now.Unix()},
		"clocks differ a bit": {"iat": now.Add(30 * time.Second).Unix(), "nbf": now.Add(30 * time.Second).Unix()},
		"of a day":            {"exp": now.Unix() + 24*60*60},
		"times with parts":    {"iat": float64(now.Unix()) - 0.5},
	} {
		token := u.AccessToken("eve", now, claims)
		claim, ok := federation.Peek(token)
		require.True(t, ok, name)
		require.Equal(t, u.URL, claim.Issuer)
		require.Contains(t, claim.Audience, upstreamtest.Audience)
		proved, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, token)
		require.NoError(t, err, name)
		require.Equal(t, "eve", proved.Subject)
		require.WithinDuration(t, now, proved.IssuedAt, time.Minute)
		require.True(t, proved.ExpiresAt.After(now))
	}
	for _, typ := range []string{"", "JWT", "jwt", "at+jwt", "application/at+jwt"} {
		_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, u.Sign(jose.ES256, u.SigningKey(), typ, u.AccessClaims("eve", now, nil)))
		require.NoError(t, err, "%q", typ)
	}
	require.Equal(t, 1, u.AskedFor("/keys"), "keys are remembered")
	require.Equal(t, 1, u.AskedFor("/.well-known/openid-configuration"))
}

func TestAnAccessTokenIsRefused(t *testing.T) {
	t.Parallel()
	u, clock := upstreamtest.New(t), newHand()
	c := client(t, clock.Now)
	now := clock.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(u.PublicKey())
	require.NoError(t, err)
	shared := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	of := func(claims map[string]any) string { return u.AccessToken("zoe", now, claims) }
	plain := u.AccessClaims("zoe", now, nil)
	part := base64.RawURLEncoding.EncodeToString
	good := of(nil)
	pieces := strings.Split(good, ".")
	for name, token := range map[string]string{
		"another audience":         of(map[string]any{"aud": "https://other.example.com"}),
		"several others":           of(map[string]any{"aud": []string{"a", "b"}}),
		"a longer audience":        of(map[string]any{"aud": upstreamtest.Audience + "/"}),
		"no audience":              of(map[string]any{"aud": nil}),
		"an odd audience":          of(map[string]any{"aud": 7}),
		"the client's audience":    of(map[string]any{"aud": upstreamtest.ClientID}),
		"another issuer":           of(map[string]any{"iss": "https://login.example.com"}),
		"an issuer with a slash":   of(map[string]any{"iss": u.URL + "/"}),
		"no issuer":                of(map[string]any{"iss": nil}),
		"no subject":               of(map[string]any{"sub": nil}),
		"an empty subject":         of(map[string]any{"sub": ""}),
		"a subject twice":          of(map[string]any{"ſub": "admin"}),
		"a long subject":           of(map[string]any{"sub": strings.Repeat("x", 256)}),
		"a subject that is none":   of(map[string]any{"sub": []string{"zoe"}}),
		"expired":                  of(map[string]any{"iat": at(-time.Hour), "exp": at(-time.Second)}),
		"no exp":                   of(map[string]any{"exp": nil}),
		"an odd exp":               of(map[string]any{"exp": "tomorrow"}),
		"an endless exp":           of(map[string]any{"exp": 1e300}),
		"no iat":                   of(map[string]any{"iat": nil}),
		"of the future":            of(map[string]any{"iat": at(2 * time.Minute)}),
		"not before":               of(map[string]any{"nbf": at(2 * time.Minute)}),
		"long before":              of(map[string]any{"nbf": at(time.Hour)}),
		"over before it began":     of(map[string]any{"iat": at(30 * time.Second), "exp": at(20 * time.Second)}),
		"too long":                 of(map[string]any{"exp": at(24*time.Hour + 2*time.Second)}),
		"bound to a key":           of(map[string]any{"cnf": map[string]any{"jkt": "x"}}),
		"bound to a certificate":   of(map[string]any{"cnf": map[string]any{"x5t#S256": "x"}}),
		"an ID token by nonce":     of(map[string]any{"nonce": "n"}),
		"an ID token by at_hash":   of(map[string]any{"at_hash": "h"}),
		"an ID token by c_hash":    of(map[string]any{"c_hash": "h"}),
		"an ID token of Keycloak":  of(map[string]any{"typ": "ID"}),
		"a refresh token":          of(map[string]any{"typ": "Refresh"}),
		"an offline token":         of(map[string]any{"typ": "Offline"}),
		"a logout token":           of(map[string]any{"typ": "Logout"}),
		"an ID token of Cognito":   of(map[string]any{"token_use": "id"}),
		"a logout event":           of(map[string]any{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}),
		"type of a logout token":   u.Sign(jose.ES256, u.SigningKey(), "logout+jwt", plain),
		"type of a security event": u.Sign(jose.ES256, u.SigningKey(), "secevent+jwt", plain),
		"type of a DPoP proof":     u.Sign(jose.ES256, u.SigningKey(), "dpop+jwt", plain),
		"type of an ID token":      u.Sign(jose.ES256, u.SigningKey(), "id_token+jwt", plain),
		"another key":              u.Sign(jose.ES256, jose.JSONWebKey{Key: other, KeyID: "k1"}, "at+jwt", plain),
		"an unknown key":           u.Sign(jose.ES256, jose.JSONWebKey{Key: other, KeyID: "k9"}, "at+jwt", plain),
		"a key without a name":     u.Sign(jose.ES256, other, "at+jwt", plain),
		"the public key as secret": u.Sign(jose.HS256, jose.JSONWebKey{Key: shared, KeyID: "k1"}, "at+jwt", plain),
		"the DER key as secret":    u.Sign(jose.HS256, jose.JSONWebKey{Key: public, KeyID: "k1"}, "at+jwt", plain),
		"no algorithm":             part([]byte(`{"alg":"none","kid":"k1"}`)) + "." + pieces[1] + ".",
		"no algorithm, signed":     part([]byte(`{"alg":"none","kid":"k1"}`)) + "." + pieces[1] + "." + pieces[2],
		"no signature":             pieces[0] + "." + pieces[1] + ".",
		"other claims":             pieces[0] + "." + part([]byte(`{"iss":"`+u.URL+`","sub":"admin"}`)) + "." + pieces[2],
		"two parts":                pieces[0] + "." + pieces[1],
		"four parts":               good + "." + pieces[2],
		"padded":                   good + "=",
		"with a line break":        pieces[0] + "\n." + pieces[1] + "." + pieces[2],
		"as JSON":                  `{"payload":"` + pieces[1] + `","protected":"` + pieces[0] + `","signature":"` + pieces[2] + `"}`,
		"too large":                of(map[string]any{"x": strings.Repeat("x", 16<<10)}),
		"nothing":                  "",
	} {
		_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, token)
		var why federation.Refusal
		require.ErrorAs(t, err, &why, name)
		require.NotErrorIs(t, err, federation.ErrUnreachable, name)
		require.NotContains(t, err.Error(), "zoe", name)
	}
	require.LessOrEqual(t, u.AskedFor("/keys"), 2, "at one moment the keys are asked for once, however many unknown keys are named")
	_, err = c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, good)
	require.NoError(t, err)
}

// TestAnAlteredTokenIsRefused, whichever bit was altered.
func TestAnAlteredTokenIsRefused(t *testing.T) {
	t.Parallel()
	u, clock := upstreamtest.New(t), newHand()
	c := client(t, clock.Now)
	good := u.AccessToken("eve", clock.Now(), nil)
	for i := range len(good) {
		for bit := range 8 {
			altered := []byte(good)
			altered[i] ^= 1 << bit
			_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, string(altered))
			var why federation.Refusal
			require.ErrorAs(t, err, &why, "bit %d of byte %d", bit, i)
		}
	}
	require.LessOrEqual(t, u.AskedFor("/keys"), 2)
}

// TestKeysOfOthersAreNotFetchedForEveryToken counts what strangers can cause, and
// how soon a new key is noticed all the same.
func TestKeysOfOthersAreNotFetchedForEveryToken(t *testing.T) {
	t.Parallel()
	u, clock := upstreamtest.New(t), newHand()
	c := client(t, clock.Now)
	rubbish := func(name string) string {
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return u.Sign(jose.ES256, jose.JSONWebKey{Key: other, KeyID: name}, "at+jwt", u.AccessClaims("eve", clock.Now(), nil))
	}
	var all sync.WaitGroup
	for i := range 200 {
		token := rubbish(fmt.Sprint("stranger-", i))
		all.Go(func() {
			_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, token)
			var why federation.Refusal
			require.ErrorAs(t, err, &why)
		})
	}
	all.Wait()
	require.Equal(t, 1, u.AskedFor("/keys"), "200 at once share one question")
	clock.pass(time.Minute)
	for i := range 60 {
		_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, rubbish(fmt.Sprint("later-", i)))
		require.Error(t, err)
		clock.pass(time.Second)
	}
	require.LessOrEqual(t, u.AskedFor("/keys"), 1+12, "one in five seconds")
	require.Greater(t, u.AskedFor("/keys"), 10)

	u.Rotate()
	token, tries := u.AccessToken("eve", clock.Now(), nil), 0
	require.Eventually(t, func() bool {
		_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, token)
		if err != nil {
			clock.pass(time.Second)
			tries++
		}
		return err == nil
	}, 30*time.Second, time.Millisecond)
	require.LessOrEqual(t, tries, 5, "seconds until a new key counts")
}

// TestAKeyThatTheIssuerTookBack counts no more soon after.
func TestAKeyThatTheIssuerTookBack(t *testing.T) {
	t.Parallel()
	u, clock := upstreamtest.New(t), newHand()
	c := client(t, clock.Now)
	stolen := u.SigningKey()
	verify := func() error {
		_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, u.Sign(jose.ES256, stolen, "at+jwt", u.AccessClaims("eve", clock.Now(), nil)))
		return err
	}
	require.NoError(t, verify())
	u.Rotate()
	clock.pass(9 * time.Minute)
	require.NoError(t, verify(), "nobody has asked since")
	clock.pass(time.Minute)
	var why federation.Refusal
	require.ErrorAs(t, verify(), &why)
}

// TestAnIssuerThatCannotBeReached is nobody's fault, and what is known goes on.
func TestAnIssuerThatCannotBeReached(t *testing.T) {
	t.Parallel()
	u, clock := upstreamtest.New(t), newHand()
	cold, warm := client(t, clock.Now), client(t, clock.Now)
	verify := func(c *federation.Client) error {
		_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, u.AccessToken("eve", clock.Now(), nil))
		return err
	}
	require.NoError(t, verify(warm))
	u.Do(func(u *upstreamtest.Upstream) { u.Down = true })
	asked := u.AskedFor("/.well-known/openid-configuration")
	for range 20 {
		require.ErrorIs(t, verify(cold), federation.ErrUnreachable)
	}
	require.Equal(t, asked+1, u.AskedFor("/.well-known/openid-configuration"), "it is not asked at each token")
	clock.pass(50 * time.Minute)
	require.NoError(t, verify(warm))
	u.Rotate()
	require.ErrorIs(t, verify(warm), federation.ErrUnreachable, "it may be a new key")
	clock.pass(time.Hour)
	require.ErrorIs(t, verify(warm), federation.ErrUnreachable)
	u.Do(func(u *upstreamtest.Upstream) { u.Down = false })
	clock.pass(5 * time.Second)
	require.NoError(t, verify(warm))
	require.NoError(t, verify(cold))

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(t, clock.Now).VerifyAccess(gone, u.URL, upstreamtest.Audience, u.AccessToken("eve", clock.Now(), nil))
	require.ErrorIs(t, err, context.Canceled)
}

// TestASlowIssuer holds nobody up for long.
func TestASlowIssuer(t *testing.T) {
	t.Parallel()
	u, clock := upstreamtest.New(t), newHand()
	slow := &slowly{release: make(chan struct{})}
	t.Cleanup(func() { close(slow.release) })
	c, err := federation.New(federation.Config{HTTP: &http.Client{Transport: slow}, Now: clock.Now})
	require.NoError(t, err)
	begun, token := time.Now(), u.AccessToken("eve", clock.Now(), nil)
	var all sync.WaitGroup
	var turnedAway atomic.Int64
	for range 1_500 {
		all.Go(func() {
			_, err := c.VerifyAccess(t.Context(), u.URL, upstreamtest.Audience, token)
			require.ErrorIs(t, err, federation.ErrUnreachable)
			if strings.Contains(err.Error(), "too many wait") {
				turnedAway.Add(1)
			}
		})
	}
	all.Wait()
	require.Less(t, time.Since(begun), 20*time.Second)
	require.EqualValues(t, 1, slow.asked.Load())
	require.Positive(t, turnedAway.Load(), "a slow issuer holds up so many requests and no more")
}

type slowly struct {
	release chan struct{}
	asked   atomic.Int64
}

func (s *slowly) RoundTrip(*http.Request) (*http.Response, error) {
	s.asked.Add(1)
	<-s.release
	return nil, errors.New("released")
}

// TestKeysThatAreNotUsed: weak and slow ones, those for encryption and secrets.
func TestKeysThatAreNotUsed(t *testing.T) {
	t.Parallel()
	clock := newHand()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, x := range map[string]struct {
		key       any
		use       string
		algorithm jose.SignatureAlgorithm
		published string // algorithm
		holds     bool
	}{
		"strong":            {strong, "sig", jose.RS256, "", true},
		"without a use":     {strong, "", jose.PS512, "", true},
		"weak":              {weak, "sig", jose.RS256, "", false},
		"for encryption":    {strong, "enc", jose.RS256, "", false},
		"another algorithm": {strong, "sig", jose.RS512, "RS256", false},
	} {
		u := upstreamtest.New(t)
		u.Do(func(u *upstreamtest.Upstream) {
			private := x.key.(*rsa.PrivateKey)
			u.Keys = []any{
				map[string]string{"kty": "oct", "kid": "r", "k": "c2VjcmV0"}, map[string]string{"kty": "of tomorrow", "kid": "r"},
				jose.JSONWebKey{Key: private.Public(), KeyID: "r", Use: x.use, Algorithm: x.published},
			}
		})
		_, err := client(t, clock.Now).VerifyAccess(t.Context(), u.URL, upstreamtest.Audience,
			u.Sign(x.algorithm, jose.JSONWebKey{Key: x.key, KeyID: "r"}, "at+jwt", u.AccessClaims("eve", clock.Now(), nil)))
		if x.holds {
			require.NoError(t, err, name)
			continue
		}
		var why federation.Refusal
		require.ErrorAs(t, err, &why, name)
	}
}

func TestWhatIsNoTokenClaimsNothing(t *testing.T) {
	t.Parallel()
	part := base64.RawURLEncoding.EncodeToString
	for _, token := range []string{
		"", "a.b.c", "tsk_x", "..", part([]byte("{}")) + "." + part([]byte(`{"iss":7}`)) + ".x", "x." + part([]byte(`{"iss":"https://a"}`)),
		part([]byte("{}")) + "." + part([]byte(`["iss"]`)) + "." + part([]byte("x")), part([]byte("{}")) + "." + part([]byte(`{}`)) + "." + part([]byte("x")),
	} {
		_, ok := federation.Peek(token)
		require.False(t, ok, token)
	}
}
