// Package domain holds what the aggregates below it share: the one error type
// with which they refuse a command, and the rules for text that people type.
// The aggregates are pure: commands load their state, call Decide, append the
// events to the log and fold them with Apply; nothing here reads a clock, draws
// a random number or does IO.
package domain

import "strings"

// Kind says in one word why a command was refused.
type Kind string

// The kinds; the API maps each to one HTTP status.
const (
	KindInvalid   Kind = "invalid"   // the input is wrong; repeating it cannot help
	KindConflict  Kind = "conflict"  // the aggregate's state does not allow it
	KindNotFound  Kind = "not_found" // there is no such aggregate or part of one
	KindForbidden Kind = "forbidden" // the caller may not do it
)

// FieldError is a problem with one input field.
type FieldError struct {
	Field   string // JSON pointer into the command, e.g. "/slug"
	Code    string // stable, e.g. "too_long"
	Message string // what is wrong and what would be right; never the value itself
}

// Error is a refusal that the caller can act on. Every other error is a fault.
type Error struct {
	Kind    Kind
	Code    string // stable, e.g. "tenant.slug_taken"
	Message string
	Fields  []FieldError
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Code + ": " + e.Message)
	for _, f := range e.Fields {
		b.WriteString("; " + f.Field + " " + f.Message)
	}
	return b.String()
}

// Invalid refuses wrong input.
func Invalid(code, message string, fields ...FieldError) *Error {
	return &Error{Kind: KindInvalid, Code: code, Message: message, Fields: fields}
}

// Conflict refuses what the state does not allow.
func Conflict(code, message string, fields ...FieldError) *Error {
	return &Error{Kind: KindConflict, Code: code, Message: message, Fields: fields}
}

// NotFound refuses a command on something that does not exist.
func NotFound(code, message string) *Error {
	return &Error{Kind: KindNotFound, Code: code, Message: message}
}

// Forbidden refuses what the caller may not do.
func Forbidden(code, message string) *Error {
	return &Error{Kind: KindForbidden, Code: code, Message: message}
}
