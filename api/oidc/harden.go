package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
)

// maxForm bounds what a program posts to an endpoint.
const maxForm = 32 << 10

// harden stands before the endpoints that programs call and does what the
// library leaves out: credentials only in the body or the header, each parameter
// once, no caching of what is secret, the challenge with a 401, and no panic that
// takes the connection along.
func (p *Provider) harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &buffered{header: http.Header{}, status: http.StatusOK}
		defer func() {
			if failure := recover(); failure != nil {
				p.Logger.ErrorContext(r.Context(), "oidc: panic", "failure", failure, "stack", string(debug.Stack()))
				writeError(w, http.StatusInternalServerError, "server_error", "something broke here")
				return
			}
			answer.finish(w, r)
		}()
		if r.URL.Path == endpointKeys {
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				refuseMethod(answer, "GET, HEAD")
				return
			}
			r.URL.RawQuery = ""
			next.ServeHTTP(answer, r)
			if answer.status == http.StatusOK {
				answer.header.Set("Cache-Control", "public, max-age=300")
			}
			return
		}
		answer.header.Set("Cache-Control", "no-store")
		answer.header.Set("Pragma", "no-cache")
		if status, code, what := checkForm(w, r); code != "" {
			writeError(answer, status, code, what)
			return
		}
		next.ServeHTTP(answer, r)
	})
}

// checkForm parses the body and drops the query.
func checkForm(w http.ResponseWriter, r *http.Request) (status int, code, what string) {
	userinfo := r.URL.Path == endpointUserinfo
	if r.Method != http.MethodPost && !(userinfo && r.Method == http.MethodGet) {
		return http.StatusMethodNotAllowed, "invalid_request", "use POST"
	}
	if r.URL.RawQuery != "" {
		return http.StatusBadRequest, "invalid_request", "parameters belong into the body, because addresses are written down everywhere"
	}
	if len(r.Header.Values("Authorization")) > 1 {
		return http.StatusBadRequest, "invalid_request", "more than one Authorization header"
	}
	if said := r.Header.Get("Authorization"); said != "" && !userinfo {
		if _, _, ok := r.BasicAuth(); !ok {
			return http.StatusUnauthorized, "invalid_client", "the Authorization header is not valid Basic"
		}
	}
	if r.Method == http.MethodGet {
		r.Form, r.PostForm = url.Values{}, url.Values{}
		return 0, "", ""
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/x-www-form-urlencoded" && !(userinfo && r.ContentLength == 0) || err != nil && r.ContentLength != 0 {
		return http.StatusBadRequest, "invalid_request", "send application/x-www-form-urlencoded"
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return http.StatusRequestEntityTooLarge, "invalid_request", "the body is too large"
		}
		return http.StatusBadRequest, "invalid_request", "the body is not a valid form"
	}
	if name, bad := repeated(r.PostForm); bad {
		return http.StatusBadRequest, "invalid_request", "parameters come once, in UTF-8 without NUL: " + name
	}
	return 0, "", ""
}

// knownParameters may be named in a refusal; whatever else a client sent may be
// secret.
var knownParameters = []string{"grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "refresh_token", "scope", "resource", "tenant", "token", "device_code"}

// repeated finds a parameter that comes more than once, which RFC 6749 forbids
// and which two readers may understand differently. resource may be repeated.
func repeated(form url.Values) (name string, bad bool) {
	for name, values := range form {
		unclean := slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "\x00") || strings.ToValidUTF8(v, "") != v })
		if len(values) > 1 && name != "resource" || unclean {
			if !slices.Contains(knownParameters, name) {
				name = "(another one)"
			}
			return name, true
		}
	}
	return "", false
}

// buffered holds an answer back, because the library knows only afterwards what
// its headers should have been. Answers are small.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header         { return b.header }
func (b *buffered) WriteHeader(status int)      { b.status = status }
func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }

func (b *buffered) finish(w http.ResponseWriter, r *http.Request) {
	if b.status >= http.StatusBadRequest {
		b.correct(r)
	}
	for name, values := range b.header {
		w.Header()[name] = values
	}
	w.WriteHeader(b.status)
	_, _ = w.Write(b.body.Bytes()) // a client that went away cannot be told so
}

// correct gives a refusal the status and the challenge that the standards ask for.
func (b *buffered) correct(r *http.Request) {
	var said struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(b.body.Bytes(), &said)
	switch {
	case r.URL.Path == endpointUserinfo && b.status == http.StatusUnauthorized:
		challenge := `Bearer realm="tansu"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		b.header.Set("WWW-Authenticate", challenge)
	case said.Error == "invalid_client":
		b.status = http.StatusUnauthorized
		b.header.Set("WWW-Authenticate", `Basic realm="tansu", charset="UTF-8"`)
	case b.status == http.StatusMethodNotAllowed:
		b.header.Set("Allow", "POST")
	}
}

func refuseMethod(w http.ResponseWriter, allowed string) {
	writeError(w, http.StatusMethodNotAllowed, "invalid_request", "use "+allowed)
	w.Header().Set("Allow", allowed)
}

// writeError answers as RFC 6749, section 5.2, says.
func writeError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that went away cannot be told so
}
