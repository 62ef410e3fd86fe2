package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Exit codes of every command.
const (
	exitError       = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitAuth        = 4
	exitConflict    = 5
	exitRateLimited = 6
	exitInterrupted = 130
)

// usageError: the command line itself is wrong.
type usageError struct{ msg string }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func (e *usageError) Error() string { return e.msg }

// ExitCode is that of a wrong command line.
func (*usageError) ExitCode() int { return exitUsage }

// exitCode is what the process ends with.
func exitCode(err error) int {
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &coded):
		return coded.ExitCode()
	}
	return exitError
}

// reportError explains an error to a person: what happened, the code and the
// trace to search for, and what to try next. An interruption needs no words.
func reportError(w io.Writer, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	var refused *apiError
	if !errors.As(err, &refused) {
		fmt.Fprintln(w, "Error:", printable(err.Error(), true))
		if next := nextStep(err); next != "" {
			fmt.Fprintln(w, "  try:  ", next)
		}
		return
	}
	fmt.Fprintln(w, "Error:", printable(refused.Title, true))
	if refused.Detail != "" {
		fmt.Fprintln(w, "  ", printable(refused.Detail, true))
	}
	for _, f := range refused.Errors {
		fmt.Fprintf(w, "   %s: %s\n", printable(f.Pointer, false), printable(f.Message, false))
	}
	code := fmt.Sprintf("status %d", refused.Status)
	if refused.Code != "" {
		code = fmt.Sprintf("%s (status %d)", printable(refused.Code, false), refused.Status)
	}
	fmt.Fprintln(w, "  code: ", code)
	if refused.TraceID != "" {
		fmt.Fprintln(w, "  trace:", printable(refused.TraceID, false))
	}
	if next := nextStep(err); next != "" {
		fmt.Fprintln(w, "  try:  ", next)
	}
}

// nextStep is what would help after this error, empty if that is not known.
func nextStep(err error) string {
	var lost *connectionError
	var refused *apiError
	var signIn *signInError
	switch {
	case errors.As(err, &signIn):
		return signIn.try
	case errors.As(err, &lost) && lost.key != "":
		return "the command may have taken effect; look first, or repeat it with --idempotency-key " + lost.key
	case errors.As(err, &lost) && errors.Is(err, context.DeadlineExceeded):
		return "allow more time with --timeout"
	case errors.As(err, &lost) && lost.answered:
		return "repeat the command; if an export is cut again, look for damage with tansu audit verify"
	case errors.As(err, &lost):
		return "start a server with 'tansu dev', or name a running one with --server"
	case errors.As(err, &refused):
		return refused.nextStep()
	}
	return ""
}

func (e *apiError) nextStep() string {
	switch e.Code {
	case "tenant_not_found":
		return "tansu tenants list"
	case "tenant_mismatch":
		return "tansu whoami shows where your token is good; for another tenant use a profile, or tansu login --tenant TENANT"
	case "tenant_suspended":
		return "tansu tenants reactivate TENANT --reason …"
	case "precondition_failed", "version_conflict", "conflict":
		return "read it again, then repeat: " + e.readCommand()
	case "idempotency_key_reused":
		return "leave --idempotency-key out to get a new one"
	case "log_corrupt":
		return "tansu audit verify"
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return "sign in with 'tansu login --url " + e.server + "', or set TANSU_TOKEN or --token-file; 'tansu dev' prints the operator token at its first start"
	case http.StatusNotFound:
		return e.readCommand()
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if e.retryAfter != "" {
			return "repeat the command after " + e.retryAfter + " seconds"
		}
		return "tansu api GET /readyz --server " + e.server
	}
	return ""
}

// readCommand lists the things of the kind that the request was about.
func (e *apiError) readCommand() string {
	_, path, _ := strings.Cut(e.path, "/v1/")
	switch kind, _, _ := strings.Cut(path, "/"); kind {
	case "tenants", "events", "projections", "dead-letters", "jobs",
		"members", "invites", "roles", "service-accounts", "users", "sessions", "clients":
		return "tansu " + kind + " list"
	case "api-keys":
		return "tansu keys list"
	case "streams":
		return "tansu events list --stream-type TYPE"
	}
	return "tansu --help"
}
