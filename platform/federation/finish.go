package federation

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Bounds of what a provider says about somebody.
const (
	maxSubject = 255
	maxGroups  = 1_000
	maxGroup   = 255
)

// Person is somebody as a provider knows them.
type Person struct {
	Subject       string
	Email         string
	EmailVerified bool // the provider says that the address is theirs
	Name          string
	Groups        []string
}

// Finish judges what the browser brought back, redeems the code and returns who
// signed in.
func (c *Client) Finish(ctx context.Context, p Provider, redirect string, begun Begun, answer url.Values) (Person, error) {
	var none Person
	if !same(answer.Get("state"), begun.State) {
		return none, fmt.Errorf("%w: state", ErrInvalid)
	}
	d, err := c.discover(ctx, p.Issuer)
	if err != nil {
		return none, err
	}
	// Who answers says so (RFC 9207), lest a provider passes on what another gave.
	if iss := answer.Get("iss"); answer.Has("iss") && iss != p.Issuer || !answer.Has("iss") && d.document.NamesItself {
		return none, fmt.Errorf("%w: another issuer answers", ErrInvalid)
	}
	if answer.Has("error") {
		return none, fmt.Errorf("%w: %s", ErrDenied, word(answer.Get("error")))
	}
	code := answer.Get("code")
	if code == "" || len(code) > maxParameter {
		return none, fmt.Errorf("%w: no code", ErrInvalid)
	}
	ctx = gooidc.ClientContext(ctx, c.http)
	config := d.oauth(p, redirect)
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(begun.Verifier))
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError {
		return none, fmt.Errorf("%w: %s", ErrRejected, word(refused.ErrorCode))
	}
	if err != nil {
		return none, fmt.Errorf("%w: token endpoint: %w", ErrUnreachable, brief(err))
	}
	claims, err := c.verify(ctx, d, p, begun, token)
	if err != nil {
		return none, err
	}
	return d.person(ctx, p, claims, token)
}

func same(a, b string) bool { return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// word is an error code of the protocol as it may stand in the log.
func word(code string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || r == '_' {
			return r
		}
		return -1
	}, code[:min(len(code), 60)])
}

// claims are those of an ID token or of userinfo.
type claims map[string]json.RawMessage

func (c claims) text(name string) string {
	var s string
	_ = json.Unmarshal(c[name], &s) // what is no text is none
	return s
}

// verify returns the claims of the ID token, if it is for us, from this provider,
// and of this sign-in.
func (c *Client) verify(ctx context.Context, d *discovered, p Provider, begun Begun, token *oauth2.Token) (claims, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, fmt.Errorf("%w: no ID token", ErrInvalid)
	}
	verifier := d.provider.Verifier(&gooidc.Config{ClientID: p.ClientID, Now: c.now})
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: ID token: %w", ErrInvalid, brief(err))
	}
	var all claims
	if err := id.Claims(&all); err != nil {
		return nil, fmt.Errorf("%w: claims", ErrInvalid)
	}
	var authTime float64
	_ = json.Unmarshal(all["auth_time"], &authTime) // what is no number is none
	azp := all.text("azp")
	switch {
	case id.Issuer != p.Issuer: // the library makes an exception
		return nil, fmt.Errorf("%w: issuer", ErrInvalid)
	case !same(id.Nonce, begun.Nonce):
		return nil, fmt.Errorf("%w: nonce", ErrInvalid)
	case azp != "" && azp != p.ClientID, azp == "" && len(id.Audience) > 1:
		return nil, fmt.Errorf("%w: it was made for another party", ErrInvalid)
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return nil, fmt.Errorf("%w: subject", ErrInvalid)
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return nil, fmt.Errorf("%w: the access token is not that of the ID token", ErrInvalid)
	case !begun.Since.IsZero() && authTime < float64(begun.Since.Add(-apart).Unix()):
		return nil, ErrNotAnew
	}
	return all, nil
}

// person reads the claims, and asks the provider once more for what they lack.
func (d *discovered) person(ctx context.Context, p Provider, said claims, token *oauth2.Token) (Person, error) {
	subject := said.text("sub")
	var elsewhere map[string]json.RawMessage
	if json.Unmarshal(said["_claim_names"], &elsewhere) == nil && elsewhere[p.GroupsClaim] != nil {
		return Person{}, ErrTooManyGroups
	}
	person := Person{Subject: subject, Name: nameOf(said), Groups: groupsOf(said[p.GroupsClaim])}
	person.Email, person.EmailVerified = emailOf(said)
	_, named := said[p.GroupsClaim]
	if named && person.Email != "" || d.document.UserInfoURL == "" {
		return person, nil
	}
	info, err := d.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return Person{}, fmt.Errorf("%w: userinfo: %w", ErrUnreachable, brief(err))
	}
	var more claims
	if err := info.Claims(&more); err != nil || info.Subject != subject {
		return Person{}, fmt.Errorf("%w: userinfo is about somebody else", ErrInvalid)
	}
	if !named {
		person.Groups = groupsOf(more[p.GroupsClaim])
	}
	if person.Email == "" {
		person.Email, person.EmailVerified = emailOf(more)
	}
	if person.Name == "" {
		person.Name = nameOf(more)
	}
	return person, nil
}

// emailOf returns the address, and whether the provider stands by it; some say so
// in a string.
func emailOf(said claims) (email string, verified bool) {
	email = said.text("email")
	switch string(said["email_verified"]) {
	case "true", `"true"`:
		verified = email != ""
	}
	return email, verified
}

func nameOf(said claims) string {
	for _, name := range []string{"name", "preferred_username"} {
		if s := strings.TrimSpace(said.text(name)); s != "" {
			return s
		}
	}
	return ""
}

// groupsOf reads a list of groups, or a single one. What is neither names none.
func groupsOf(raw json.RawMessage) []string {
	var list []any
	if json.Unmarshal(raw, &list) != nil {
		var one string
		if json.Unmarshal(raw, &one) != nil {
			return nil
		}
		list = []any{one}
	}
	var groups []string
	for _, item := range list[:min(len(list), maxGroups)] {
		if group, ok := item.(string); ok && group != "" && len(group) <= maxGroup {
			groups = append(groups, group)
		}
	}
	return groups
}
