// Package federation signs people in at OpenID providers of others, as a relying
// party: it sends a browser there and judges what comes back. The providers are
// chosen by tenants, so the client that is given to it reaches public addresses
// only, and nothing that a provider says is believed beyond itself.
package federation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/oauth2"
)

// Why somebody cannot be signed in. What else an error says is for the server's
// log.
var (
	// ErrUnreachable: the provider does not answer, or not as one of its kind.
	ErrUnreachable = errors.New("the identity provider cannot be reached or does not answer as it must")
	// ErrRejected: the provider does not accept the code or the client.
	ErrRejected = errors.New("the identity provider does not accept the client or the code")
	// ErrDenied: the provider, or the person there, said no.
	ErrDenied = errors.New("the identity provider did not sign the person in")
	// ErrInvalid: what came back is not an answer to what was asked.
	ErrInvalid = errors.New("the answer of the identity provider does not hold")
	// ErrNotAnew: the person was to show again who they are, and the provider does not
	// say that they did.
	ErrNotAnew = errors.New("the identity provider does not say that the person signed in anew")
	// ErrTooManyGroups: the provider keeps the groups back because they are too many.
	ErrTooManyGroups = errors.New("the identity provider names no groups because there are too many")
)

// Bounds.
const (
	requestTime   = 10 * time.Second // of one request to a provider
	maxAnswer     = 1 << 20          // bytes of an answer
	maxDiscovered = 200              // issuers that are remembered
	discoveredFor = 10 * time.Minute
	maxParameter  = 4 << 10 // bytes of what a browser brings back
	// apart is how far the clock of a provider may be behind.
	apart = time.Minute
)

// Provider is an OpenID provider as a tenant has set it up.
type Provider struct {
	Issuer      string
	ClientID    string
	Secret      string
	Scopes      []string
	GroupsClaim string
}

// Config configures a Client.
type Config struct {
	// HTTP reaches the providers; see package outbound.
	HTTP *http.Client
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Client is a relying party. Safe for concurrent use.
type Client struct {
	http       *http.Client
	now        func() time.Time
	discovered *lru.Cache[string, *discovered]
	signers    *lru.Cache[string, *signer] // by issuer
	asking     chan struct{}               // has a place for each issuer that is asked for its keys
}

// New returns a client that knows no provider yet.
func New(c Config) (*Client, error) {
	if c.HTTP == nil {
		return nil, errors.New("federation: Config.HTTP is missing")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	bounded := *c.HTTP
	bounded.Transport, bounded.Timeout = limited{c.HTTP.Transport}, requestTime
	known, err := lru.New[string, *discovered](maxDiscovered)
	if err != nil {
		return nil, err
	}
	signers, err := lru.New[string, *signer](maxIssuers)
	return &Client{&bounded, c.Now, known, signers, make(chan struct{}, maxAsking)}, err
}

// limited bounds what is read of answers.
type limited struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	next := l.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	}
	return resp, err
}

// discovered is what a provider says of itself.
type discovered struct {
	provider *gooidc.Provider
	document document
	at       time.Time
}

type document struct {
	AuthURL       string   `json:"authorization_endpoint"`
	TokenURL      string   `json:"token_endpoint"`
	KeysURL       string   `json:"jwks_uri"`
	UserInfoURL   string   `json:"userinfo_endpoint"`
	ResponseTypes []string `json:"response_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Scopes        []string `json:"scopes_supported"`
	NamesItself   bool     `json:"authorization_response_iss_parameter_supported"`
}

// discover asks a provider what it is, or remembers it.
func (c *Client) discover(ctx context.Context, issuer string) (*discovered, error) {
	if d, known := c.discovered.Get(issuer); known && c.now().Sub(d.at) < discoveredFor {
		return d, nil
	}
	d, err := c.ask(ctx, issuer)
	if err == nil {
		c.discovered.Add(issuer, d)
	}
	return d, err
}

func (c *Client) ask(ctx context.Context, issuer string) (*discovered, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	provider, err := gooidc.NewProvider(gooidc.ClientContext(ctx, c.http), issuer)
	if mismatch := (*gooidc.IssuerMismatchError)(nil); errors.As(err, &mismatch) {
		return nil, fmt.Errorf("%w: it calls itself by another issuer", ErrUnreachable)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: discovery: %w", ErrUnreachable, brief(err))
	}
	d := &discovered{provider: provider, at: c.now()}
	if err := provider.Claims(&d.document); err != nil {
		return nil, fmt.Errorf("%w: its discovery document cannot be read", ErrUnreachable)
	}
	endpoints := []string{d.document.AuthURL, d.document.TokenURL, d.document.KeysURL}
	if d.document.UserInfoURL != "" {
		endpoints = append(endpoints, d.document.UserInfoURL)
	}
	for _, endpoint := range endpoints {
		if !endpointOf(issuer, endpoint) {
			return nil, fmt.Errorf("%w: an endpoint is missing or not reached as safely as the issuer", ErrUnreachable)
		}
	}
	return d, nil
}

// endpointOf reports whether an address can be that of an endpoint: it is no less
// protected than the issuer.
func endpointOf(issuer, address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && strings.HasPrefix(issuer, "http://"))
}

// brief leaves out of an error what a provider wrote: it can be long, and nobody
// knows what is in it.
func brief(err error) error {
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return failed.Err // without the address
	}
	text := strings.TrimPrefix(err.Error(), "oidc: ")
	if end := strings.IndexAny(text, ":\""); end >= 0 {
		text = text[:end]
	}
	return errors.New(strings.TrimSpace(text[:min(len(text), 200)]))
}

// oauth is the client of a provider.
func (d *discovered) oauth(p Provider, redirect string) oauth2.Config {
	endpoint := d.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if m := d.document.AuthMethods; len(m) > 0 && !slices.Contains(m, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return oauth2.Config{ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: endpoint, RedirectURL: redirect, Scopes: p.Scopes}
}

// Begun is a sign-in that is under way. All of it is secret.
type Begun struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	// Since is when the person must have shown who they are at the earliest, if that
	// matters.
	Since time.Time `json:"t,omitzero"`
}

// Wish is what a sign-in is to be like. Providers need not heed it, but for Proven.
type Wish struct {
	LoginHint string
	Anew      bool // the person shall show again who they are
	Proven    bool // and without the provider saying that they did, it does not count
}

// Begin returns where to send the browser, and what to keep until it comes back to
// the redirect address.
func (c *Client) Begin(ctx context.Context, p Provider, redirect string, w Wish) (address string, begun Begun, err error) {
	d, err := c.discover(ctx, p.Issuer)
	if err != nil {
		return "", begun, err
	}
	begun = Begun{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(begun.Verifier), gooidc.Nonce(begun.Nonce)}
	if w.LoginHint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", w.LoginHint))
	}
	if w.Anew || w.Proven {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	if w.Proven {
		begun.Since = c.now()
		options = append(options, oauth2.SetAuthURLParam("max_age", "0")) // without it providers need not send auth_time
	}
	config := d.oauth(p, redirect)
	return config.AuthCodeURL(begun.State, options...), begun, nil
}
