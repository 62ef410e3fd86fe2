package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// Error is a refusal that trying again would not change.
type Error struct {
	Code   string       // stable; see the server's list of problems
	Detail string       // what is wrong and how to put it right
	Fields []FieldError // of the subscription, if some are at fault
	Status int          // of the HTTP answer, if the server refused the connection; else 0
	// Position is the last one seen; subscribing after it misses nothing.
	Position int64
}

// FieldError points at a field of what was refused.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON pointer, such as /filter
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	s := "feed: " + e.Code
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	for _, f := range e.Fields {
		s += fmt.Sprintf("; %s: %s", f.Pointer, f.Message)
	}
	return s
}

// OrderError says that the server delivered something that cannot follow what
// it had delivered before: an event was left out, repeated or out of place.
type OrderError struct {
	Last int64 // position seen before
	Got  int64 // position that came
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("feed: position %d came after %d", e.Got, e.Last)
}

// interruption ends a connection and not the subscription.
type interruption struct {
	err     error
	retryIn time.Duration // as the server asks; 0: it does not say
}

func (e *interruption) Error() string { return e.err.Error() }
func (e *interruption) Unwrap() error { return e.err }

// temporaryCodes are refusals that pass by themselves, also if the server does
// not say when.
var temporaryCodes = []string{"unavailable", "timeout", "internal", "rate_limited"}

// refusal makes an error of a frame that refuses or ends something.
func refusal(f *frame) error {
	err := &Error{Code: f.Code, Detail: f.Detail, Fields: f.Errors}
	if f.RetryIn > 0 || slices.Contains(temporaryCodes, f.Code) {
		return &interruption{err: err, retryIn: time.Duration(f.RetryIn) * time.Millisecond}
	}
	return err
}

// Close codes that refuse for good, an unauthorised one only before the server
// had accepted the connection: later the token has expired, and another may do.
const (
	closeBadFrame     = 4400
	closeUnauthorized = 4401
	closeForbidden    = 4403
)

// lost makes an error of one of the connection. The reason in a close frame is a
// code.
func lost(err error, accepted bool) error {
	if errors.Is(err, websocket.ErrReadLimit) {
		return fmt.Errorf("feed: the server sent a frame of more than %d MiB", maxFrame>>20)
	}
	closed, ok := errors.AsType[*websocket.CloseError](err)
	if !ok {
		return &interruption{err: err}
	}
	switch closed.Code {
	case closeBadFrame, closeForbidden, websocket.CloseMessageTooBig:
	case closeUnauthorized:
		if accepted {
			return &interruption{err: err}
		}
	default:
		return &interruption{err: err}
	}
	refused := &Error{Code: closed.Text, Detail: fmt.Sprintf("The server closed the connection (%d).", closed.Code)}
	if refused.Code == "" {
		refused.Code = "closed"
	}
	return refused
}

// refusedHandshake makes an error of an answer that is no websocket.
func refusedHandshake(resp *http.Response) error {
	refused := &Error{Status: resp.StatusCode}
	// gorilla keeps the first kilobyte of the body, enough for most problems.
	var problem struct {
		Code   string       `json:"code"`
		Detail string       `json:"detail"`
		Errors []FieldError `json:"errors"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&problem); err == nil {
		refused.Code, refused.Detail, refused.Fields = problem.Code, problem.Detail, problem.Errors
	}
	if refused.Code == "" {
		refused.Code = "bad_handshake"
		refused.Detail = "The server answered " + resp.Status + "; check that the URL is that of a Tansu server."
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // a date, or nothing, counts as nothing
		return &interruption{err: refused, retryIn: time.Duration(seconds) * time.Second}
	}
	return refused
}
