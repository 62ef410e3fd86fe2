package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// apiError is the server's refusal, decoded from its problem details.
type apiError struct {
	Status  int          `json:"status"`
	Code    string       `json:"code"`
	Title   string       `json:"title"`
	Detail  string       `json:"detail"`
	TraceID string       `json:"traceId"`
	Errors  []fieldError `json:"errors"`

	method, path string
	server       string
	retryAfter   string
}

type fieldError struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// maxProblem bounds a problem document.
const maxProblem = 1 << 20

func newAPIError(resp *http.Response, req *http.Request) *apiError {
	e := &apiError{}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	problem := err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") &&
		json.Unmarshal(body, e) == nil && e.Title != ""
	if !problem {
		*e = apiError{Title: http.StatusText(resp.StatusCode), Detail: "The answer is not one of a Tansu server; check --server."}
		if to := resp.Header.Get("Location"); resp.StatusCode/100 == 3 && to != "" {
			e.Detail = "The server redirects to " + to + "; use that address with --server."
		}
	}
	e.Status, e.method, e.path = resp.StatusCode, req.Method, req.URL.Path
	e.server = req.URL.Scheme + "://" + req.URL.Host
	e.retryAfter = resp.Header.Get("Retry-After")
	return e
}

func (e *apiError) Error() string {
	s := fmt.Sprintf("%s (status %d", e.Title, e.Status)
	if e.Code != "" {
		s += ", " + e.Code
	}
	s += ")"
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// ExitCode tells scripts what kind of refusal it was.
func (e *apiError) ExitCode() int {
	switch {
	case e.Code == "tenant_suspended" || e.Code == "tenant_archived" || e.Code == "idempotency_key_reused":
		return exitConflict
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return exitAuth
	case e.Status == http.StatusNotFound:
		return exitNotFound
	case e.Status == http.StatusConflict || e.Status == http.StatusPreconditionFailed || e.Status == http.StatusPreconditionRequired:
		return exitConflict
	case e.Status == http.StatusTooManyRequests:
		return exitRateLimited
	}
	return exitError
}

// temporary reports whether the same read may succeed a little later.
func (e *apiError) temporary() bool {
	return e.Status == http.StatusTooManyRequests || e.Status == http.StatusBadGateway ||
		e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout
}

// connectionError: the server was not reached, or the connection was lost.
type connectionError struct {
	server   string
	key      string // idempotency key, if it was a command
	answered bool   // the answer had begun
	err      error
}

func (e *connectionError) Error() string {
	return fmt.Sprintf("no complete answer from %s: %v", e.server, e.err)
}

func (e *connectionError) Unwrap() error { return e.err }

// temporary reports whether err is worth another try of a read.
func temporary(err error) bool {
	var lost *connectionError
	var refused *apiError
	return errors.As(err, &lost) || errors.As(err, &refused) && refused.temporary()
}
