package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// target decides which server a command speaks to and as whom: what the command
// line says, then the environment, then the profile in use. A profile's token is
// given to the profile's server only.
func (c *cli) target(note func(string, ...any)) (server string, token tokenFunc, _ error) {
	given, err := c.givenToken()
	if err != nil {
		return "", nil, err
	}
	fromEnv := cmp.Or(c.getenv("TANSU_TOKEN"), c.getenv("TANSU_OPERATOR_TOKEN"))
	server = cmp.Or(c.server, c.getenv("TANSU_SERVER"))
	if server != "" && c.profile == "" && cmp.Or(given, fromEnv) != "" {
		token, err := checkedToken(cmp.Or(given, fromEnv))
		return server, token, err
	}
	book, err := c.profiles.load()
	if err != nil {
		return "", nil, err
	}
	name := c.profile
	if name != "" {
		p, err := book.named(name)
		if err != nil {
			return "", nil, err
		}
		if c.server != "" && !sameServer(c.server, p.Server) {
			return "", nil, usagef("profile %s is of %s, not of %s; leave --profile or --server out", name, p.Server, c.server)
		}
		server, fromEnv = p.Server, ""
	} else {
		server = cmp.Or(server, book.Profiles[book.InUse].Server, defaultServer)
		name, _ = book.of(server)
	}
	if static := cmp.Or(given, fromEnv); static != "" || name == "" {
		token, err := checkedToken(static)
		return server, token, err
	}
	if c.profile == "" && book.Profiles[name].Tokens == "" {
		return server, nil, nil // signed out: as if there were no profile
	}
	t := &profileTokens{store: c.profiles, name: name, tenant: c.tenant, http: c.httpClient(), note: note}
	return book.Profiles[name].Server, t.token, nil
}

// givenToken is the one of the command line, if any.
func (c *cli) givenToken() (string, error) {
	if c.token != "" || c.tokenFile == "" {
		return c.token, nil
	}
	raw, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return "", usagef("--token-file: %v", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

func checkedToken(token string) (tokenFunc, error) {
	switch {
	case token == "":
		return nil, nil
	case strings.ContainsAny(token, "\r\n"):
		return nil, usagef("the token contains a line break; remove it")
	}
	return staticToken(token), nil
}

func staticToken(token string) tokenFunc {
	return func(context.Context) (string, error) { return token, nil }
}

// httpClient is for the requests that make and end sign-ins.
func (c *cli) httpClient() *http.Client {
	next := c.transport
	if next == nil {
		next = http.DefaultTransport
	}
	return &http.Client{Transport: &wholeAnswers{next, c.timeout}, CheckRedirect: stay}
}

// wholeAnswers takes answers whole, within the time and the size that an answer
// may have. The OAuth library bounds neither.
type wholeAnswers struct {
	next    http.RoundTripper
	timeout time.Duration // none if 0
}

func (t *wholeAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.timeout > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), t.timeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
