package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// cliClientID is the OAuth client that every Tansu server knows as its command
// line.
const cliClientID = "tansu-cli"

var cliScopes = []string{"openid", "profile", "email", "offline_access", "api"}

// provider is a server as it signs people in.
type provider struct {
	oauth2.Config
	server     string // its own name for itself
	revocation string
	http       *http.Client
}

// signInError: the server did not give, or took back, what a sign-in needs.
type signInError struct{ msg, try string }

func (e *signInError) Error() string { return e.msg }

// ExitCode is that of missing credentials.
func (*signInError) ExitCode() int { return exitAuth }

// discover asks a server how to sign in.
func discover(ctx context.Context, client *http.Client, server string) (*provider, error) {
	server = strings.TrimSuffix(server, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/.well-known/openid-configuration", nil)
	if err != nil {
		return nil, usagef("%q is not the URL of a server: %v", server, err)
	}
	req.Header.Set("User-Agent", "tansu-cli")
	resp, err := client.Do(req)
	if err != nil {
		return nil, &connectionError{server: server, err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, newAPIError(resp, req)
	}
	var d struct {
		Issuer     string `json:"issuer"`
		Authorize  string `json:"authorization_endpoint"`
		Token      string `json:"token_endpoint"`
		Device     string `json:"device_authorization_endpoint"`
		Revocation string `json:"revocation_endpoint"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil || d.Token == "" {
		return nil, fmt.Errorf("%s does not say how to sign in; is it a Tansu server?", req.URL)
	}
	// Whoever answers for another name, or sends elsewhere, could pass the tokens on
	// to a stranger.
	if !sameServer(d.Issuer, server) {
		return nil, usagef("the server at %s calls itself %s; use 'tansu login --url %s' if that is the one you mean", server, d.Issuer, d.Issuer)
	}
	issuer := strings.TrimSuffix(d.Issuer, "/")
	for _, endpoint := range []string{d.Authorize, d.Token, d.Device, d.Revocation} {
		if !strings.HasPrefix(endpoint, issuer+"/") {
			return nil, fmt.Errorf("%s sends sign-ins to %q, which is not its own; is it a Tansu server?", issuer, endpoint)
		}
	}
	p := &provider{server: issuer, revocation: d.Revocation, http: client, Config: oauth2.Config{
		ClientID: cliClientID, Scopes: cliScopes,
		Endpoint: oauth2.Endpoint{AuthURL: d.Authorize, TokenURL: d.Token, DeviceAuthURL: d.Device, AuthStyle: oauth2.AuthStyleInParams},
	}}
	return p, nil
}

// context makes the OAuth library use the provider's HTTP client.
func (p *provider) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, p.http)
}

// refresh trades a refresh token for new tokens, in the given tenant.
func (p *provider) refresh(ctx context.Context, token, tenant string) (*oauth2.Token, error) {
	options := []oauth2.AuthCodeOption{ // the library has no refresh with parameters, but these go before its own
		oauth2.SetAuthURLParam("grant_type", "refresh_token"), oauth2.SetAuthURLParam("refresh_token", token),
	}
	return p.Exchange(p.context(ctx), "", append(options, inTenant(tenant)...)...)
}

// inTenant asks for a token of a tenant, by id; of the server's choice if empty.
func inTenant(tenant string) []oauth2.AuthCodeOption {
	if tenant == "" {
		return nil
	}
	return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("tenant", tenant)}
}

// revoke ends a sign-in at the server.
func (p *provider) revoke(ctx context.Context, token string) error {
	form := url.Values{"token": {token}, "token_type_hint": {"refresh_token"}, "client_id": {cliClientID}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("revoke the tokens: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.http.Do(req)
	if err != nil {
		return &connectionError{server: p.server, err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return newAPIError(resp, req)
	}
	return nil
}

// away reports whether the server was not reached, so that another try may help.
func (p *provider) away(err error) bool {
	var refused *oauth2.RetrieveError
	var lost *url.Error
	return errors.As(err, &refused) && refused.Response.StatusCode >= http.StatusInternalServerError || errors.As(err, &lost)
}

// explain puts a refusal of the OAuth endpoints into the terms of the other
// commands.
func (p *provider) explain(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		var lost *url.Error
		if errors.As(err, &lost) {
			return &connectionError{server: p.server, err: lost.Err}
		}
		return err
	}
	switch refused.ErrorCode {
	case "access_denied":
		return errDenied(p.server, refused.ErrorDescription)
	case "expired_token":
		return errCodeExpired(p.server)
	case "":
		return &signInError{fmt.Sprintf("%s answered %s to a sign-in", p.server, refused.Response.Status), "tansu api GET /readyz --server " + p.server}
	}
	msg := "the server refused to sign in: " + refused.ErrorCode
	if refused.ErrorDescription != "" {
		msg += ": " + refused.ErrorDescription
	}
	return &signInError{msg: msg}
}

func errDenied(server, why string) error {
	msg := "the sign-in was refused in the browser"
	if why != "" {
		msg += ": " + why
	}
	return &signInError{msg, "tansu login --url " + server}
}

func errCodeExpired(server string) error {
	return &signInError{"the code has expired; nobody confirmed it in time", "tansu login --url " + server}
}

// whoIs asks a server for whom it gave a token.
func whoIs(ctx context.Context, client *http.Client, server, token string) (meInfo, error) {
	c, err := newClient(server, staticToken(token), "", 0)
	if err != nil {
		return meInfo{}, err
	}
	c.http = client
	return decode[meInfo](c.do(ctx, call{method: http.MethodGet, path: mePath}))
}
