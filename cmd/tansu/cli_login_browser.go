package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/pkg/browser"
	"golang.org/x/oauth2"
)

const (
	browserPatience  = 10 * time.Minute // for a person to sign in
	callbackPath     = "/callback"
	callbackShutdown = 2 * time.Second // for the last page to reach the browser
)

// byBrowser signs in through a browser on this machine, which comes back to a
// port that only this machine reaches (RFC 8252).
func (l *signIn) byBrowser(ctx context.Context) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(l.p.context(ctx), browserPatience)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a port for the browser to come back to: %w", err)
	}
	l.p.RedirectURL = "http://" + listener.Addr().String() + callbackPath
	state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	back := &callback{state: state, issuer: l.p.server, result: make(chan returned, 1)}
	server := &http.Server{Handler: back, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Shutdown
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callbackShutdown)
		defer cancel()
		_ = server.Shutdown(ctx) // a browser that keeps its connection does not matter
	}()

	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if uuid.Validate(l.tenant) == nil { // a slug is looked up afterwards
		options = append(options, inTenant(l.tenant)...)
	}
	address := l.p.AuthCodeURL(state, options...)
	fmt.Fprintf(l.stderr, "Sign in with your browser. If it does not open, go to\n\n    %s\n\n", printable(address, false))
	go func() {
		if err := l.c.openURL(address); err != nil {
			l.say("No browser could be opened: %v", err)
		}
	}()
	select {
	case r := <-back.result:
		if r.err != nil {
			return nil, r.err
		}
		return l.p.Exchange(ctx, r.code, oauth2.VerifierOption(verifier))
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, &signInError{"nobody signed in with the browser in time", "tansu login --browser --url " + l.p.server}
		}
		return nil, ctx.Err()
	}
}

// returned is how the browser came back.
type returned struct {
	code string
	err  error
}

// callback waits for the browser to come back.
type callback struct {
	state, issuer string
	result        chan returned
}

func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	known := subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(c.state)) == 1
	if r.Method != http.MethodGet || r.URL.Path != callbackPath || !known {
		http.Error(w, "This is not an answer to the sign-in that is under way.", http.StatusBadRequest) // some other page tries its luck
		return
	}
	result := c.judge(query)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	message := "You are signed in."
	if result.err != nil {
		message = "You are not signed in."
	}
	fmt.Fprintf(w, "<!doctype html><html lang=\"en\"><meta name=\"color-scheme\" content=\"light dark\"><title>Tansu</title>"+
		"<p>%s You can close this page and go back to the terminal.</p></html>", message)
	select {
	case c.result <- result:
	default: // a page that was loaded again
	}
}

// judge refuses an answer of another server (RFC 9207).
func (c *callback) judge(query url.Values) returned {
	switch code := query.Get("error"); {
	case query.Get("iss") != c.issuer:
		return returned{err: &signInError{fmt.Sprintf("the answer came from %q, not from %s; nothing was sent there", query.Get("iss"), c.issuer), ""}}
	case code == "access_denied":
		return returned{err: errDenied(c.issuer, query.Get("error_description"))}
	case code != "":
		return returned{err: &signInError{fmt.Sprintf("the server refused to sign in: %s: %s", code, query.Get("error_description")), ""}}
	case query.Get("code") == "":
		return returned{err: &signInError{"the answer holds no code; is it a Tansu server?", ""}}
	}
	return returned{code: query.Get("code")}
}

// openBrowser shows a page in the user's browser. What the browser itself prints
// is not for the terminal.
func openBrowser(address string) error {
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	return browser.OpenURL(address)
}
