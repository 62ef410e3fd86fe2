package problem

import (
	"context"
	"errors"
	"net/http"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

// From maps an error to the problem that the client gets to see. What it does
// not know becomes Internal, without the error's text.
func From(err error) *Problem {
	var (
		p        *Problem
		refusal  *domain.Error
		conflict *eventstore.VersionConflict
		taken    *eventstore.ClaimTaken
		limit    *eventstore.LimitError
		corrupt  *eventstore.CorruptLog
		reused   *commands.IdempotencyMismatch
		inFlight *commands.InFlight
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refusal):
		return fromDomain(refusal)
	case errors.As(err, &conflict):
		return New(VersionConflict, "Something else changed the stream at the same time; repeat the request.")
	case errors.As(err, &taken):
		return New(Conflict, "A value that must be unique is taken.").WithErrors(FieldError{"/" + taken.Scope, "taken", "is taken"})
	case errors.As(err, &limit):
		return New(ValidationFailed, "The request is larger than the log accepts.").WithErrors(FieldError{"/" + limit.Field, "limit", limit.Problem})
	case errors.As(err, &reused):
		return New(IdempotencyKeyReused, "This Idempotency-Key was used for another request; use a new one.")
	case errors.As(err, &inFlight):
		return New(IdempotencyInFlight, "The first request with this Idempotency-Key still runs.").WithHeader("Retry-After", "1")
	case errors.As(err, &corrupt):
		return withCause(New(LogCorrupt, "The log contradicts itself; run tansu audit verify."), err)
	case errors.Is(err, eventstore.ErrOutcomeUnknown):
		return withCause(New(OutcomeUnknown, "Whether the command took effect is not known; repeat it with the same Idempotency-Key."), err).
			WithHeader("Retry-After", "1")
	case errors.Is(err, eventstore.ErrUnavailable):
		return withCause(New(Unavailable, "The event log cannot be reached at the moment."), err).WithHeader("Retry-After", "1")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return withCause(New(Timeout, "The request took too long; repeat it, commands with the same Idempotency-Key."), err).
			WithHeader("Retry-After", "1")
	}
	return withCause(New(Internal, "The server failed; the trace id finds the reason in its log."), err)
}

func withCause(p *Problem, err error) *Problem {
	p.cause = err
	return p
}

var statusOf = map[domain.Kind]int{
	domain.KindInvalid:   http.StatusUnprocessableEntity,
	domain.KindConflict:  http.StatusConflict,
	domain.KindNotFound:  http.StatusNotFound,
	domain.KindForbidden: http.StatusForbidden,
}

var titleOf = map[domain.Kind]string{
	domain.KindInvalid:   "The request breaks a rule",
	domain.KindConflict:  "The request conflicts with the present state",
	domain.KindNotFound:  "There is no such thing",
	domain.KindForbidden: "Not permitted",
}

func fromDomain(e *domain.Error) *Problem {
	status, known := statusOf[e.Kind]
	if !known {
		return withCause(New(Internal, "The server failed; the trace id finds the reason in its log."), e)
	}
	p := &Problem{Type: TypeBase + e.Code, Title: titleOf[e.Kind], Status: status, Detail: e.Message, Code: Code(e.Code)}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, FieldError{f.Field, f.Code, f.Message})
	}
	return p
}
