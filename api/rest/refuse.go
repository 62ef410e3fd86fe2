package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
)

// huma is configured through package variables; they are the same for every
// server. Its own errors echo what was sent, so all of them are rewritten here.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return rewrite(status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		return refuse(ctx.Context(), rewrite(status, message, errs))
	}
}

// refuse turns an error into the problem that answers the request. Failures of
// the server are kept for its log.
func refuse(ctx context.Context, err error) *problem.Problem {
	p := problem.From(err)
	info := middleware.From(ctx)
	if p.Status >= http.StatusInternalServerError && p.Code != problem.ConsistencyTimeout && !errors.Is(err, context.Canceled) {
		info.Failure = err
	}
	return p.At(info.RequestID, info.TraceID)
}

// rewrite replaces an error of huma's by a problem without any value in it.
func rewrite(status int, message string, errs []error) *problem.Problem {
	switch status {
	case http.StatusUnprocessableEntity:
		p := problem.New(problem.ValidationFailed, "The request is not as it must be; errors names each field.")
		for _, err := range errs {
			p.WithErrors(fieldError(err))
		}
		slices.SortFunc(p.Errors, func(a, b problem.FieldError) int { return strings.Compare(a.Pointer+a.Code, b.Pointer+b.Code) })
		p.Errors = p.Errors[:min(len(p.Errors), maxFieldErrors)]
		if len(p.Errors) > 0 && !slices.ContainsFunc(p.Errors, func(e problem.FieldError) bool { return !strings.HasPrefix(e.Pointer, "/header/") }) {
			return problem.New(problem.HeaderInvalid, "A header is not as it must be; errors names it.").WithErrors(p.Errors...)
		}
		return p
	case http.StatusBadRequest:
		if message == "request body is required" {
			return problem.New(problem.MalformedJSON, "The body is missing; send a JSON object.")
		}
		return problem.New(problem.MalformedJSON, "The body holds a value that is out of range.")
	case http.StatusUnsupportedMediaType:
		return problem.New(problem.UnsupportedMediaType, "Send Content-Type: application/json (UTF-8).")
	}
	return problem.From(errors.Join(append([]error{errors.New(message)}, errs...)...))
}

// maxFieldErrors bounds an answer; a body can be wrong in thousands of places.
const maxFieldErrors = 20

func fieldError(err error) problem.FieldError {
	var d huma.ErrorDetailer
	if !errors.As(err, &d) {
		return problem.FieldError{Pointer: "", Code: "invalid", Message: "is invalid"}
	}
	detail := d.ErrorDetail()
	code, message := ruleOf(detail.Message)
	at := pointer(detail.Location)
	if code == "required" && strings.HasPrefix(detail.Location, "body") {
		// huma reports the object, with the property in the message
		at += "/" + strings.TrimSuffix(strings.TrimPrefix(detail.Message, "expected required property "), " to be present")
	}
	return problem.FieldError{Pointer: at, Code: code, Message: message}
}

// ruleOf names the rule that one of huma's messages is about. Only messages
// known to hold no value are passed on.
func ruleOf(message string) (code, safe string) {
	starts := func(format string) bool {
		fixed, _, _ := strings.Cut(format, "%")
		return strings.HasPrefix(message, fixed)
	}
	switch {
	case message == "unknown query parameter":
		return "unknown_parameter", "is not a parameter of this route"
	case message == validation.MsgUnexpectedProperty:
		return "unknown_field", "is not a field of this body"
	case starts("expected required property"), strings.HasPrefix(message, "required "):
		return "required", "is required"
	case starts(validation.MsgExpectedMinLength), starts(validation.MsgExpectedMaxLength),
		starts(validation.MsgExpectedMinItems), starts(validation.MsgExpectedMaxItems),
		starts(validation.MsgExpectedMinProperties), starts(validation.MsgExpectedMaxProperties):
		return "wrong_length", message
	case starts(validation.MsgExpectedMinimumNumber), starts(validation.MsgExpectedMaximumNumber):
		return "out_of_range", message
	case starts(validation.MsgExpectedOneOf):
		return "not_allowed", message
	case message == validation.MsgExpectedBoolean, message == validation.MsgExpectedNumber, message == validation.MsgExpectedInteger,
		message == validation.MsgExpectedString, message == validation.MsgExpectedArray, message == validation.MsgExpectedObject:
		return "wrong_type", message
	case strings.HasPrefix(message, "invalid integer"), strings.HasPrefix(message, "invalid boolean"):
		return "wrong_type", strings.Replace(message, "invalid", "expected", 1)
	case strings.HasPrefix(message, "invalid date/time"):
		return "wrong_type", "expected a time such as 2026-01-31T12:00:00Z"
	}
	return "invalid", "is invalid"
}

// pointer turns huma's "body.items[3].tags" into "/items/3/tags" and
// "query.limit" into "/query/limit". Names are shortened: clients choose them.
func pointer(location string) string {
	location, inBody := strings.CutPrefix(location, "body")
	location = strings.NewReplacer("~", "~0", "/", "~1", "[", ".", "]", "").Replace(location)
	if !inBody {
		location = "." + location
	}
	parts := strings.Split(location, ".")
	for i, part := range parts {
		if runes := []rune(part); len(runes) > 64 {
			parts[i] = string(runes[:64]) + "…"
		}
	}
	return strings.Join(parts[:min(len(parts), maxDepth)], "/")
}
