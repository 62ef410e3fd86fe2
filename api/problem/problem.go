// Package problem is how every HTTP surface of Tansu says no: problem details
// (RFC 9457) with a stable code. It stands between the errors of commands,
// domain and eventstore and the wire: From is the one place that maps an error
// to a status. Nothing a client sent is ever echoed, because it may be secret.
package problem

import (
	"encoding/json"
	"net/http"
)

// TypeBase is the prefix of every problem type; the code follows it.
const TypeBase = "https://tansu.cloud/problems/"

// ContentType of a problem on the wire.
const ContentType = "application/problem+json"

// Problem is one refusal. It is an error, so handlers return it like any other.
type Problem struct {
	Type     string       `json:"type" doc:"Identifies the kind of problem; ends with the code." example:"https://tansu.cloud/problems/validation_failed"`
	Title    string       `json:"title" doc:"What this kind of problem is, the same for each occurrence." example:"The request breaks a rule"`
	Status   int          `json:"status" doc:"The HTTP status." example:"422"`
	Detail   string       `json:"detail,omitempty" doc:"What is wrong this time, and what would be right." example:"1 field is not as it must be; see errors."`
	Instance string       `json:"instance,omitempty" doc:"Names this occurrence by its request id." example:"urn:tansu:request:01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Code     Code         `json:"code" doc:"Stable name of the problem, for programs." example:"validation_failed"`
	TraceID  string       `json:"traceId,omitempty" doc:"W3C trace id of the request." example:"4bf92f3577b34da6a3ce929d0e0e4736"`
	Errors   []FieldError `json:"errors,omitempty" doc:"What is wrong with single fields."`

	header http.Header
	cause  error
}

// FieldError says what is wrong with one field or parameter, without its value.
type FieldError struct {
	Pointer string `json:"pointer" doc:"JSON pointer into the body; for parameters /query/<name>, /path/<name> or /header/<name>." example:"/slug"`
	Code    string `json:"code" doc:"Stable name of the rule that was broken." example:"required"`
	Message string `json:"message" doc:"What would be right." example:"is required"`
}

// New returns the problem of a code. The detail names the fix.
func New(code Code, detail string) *Problem {
	e := entryOf(code)
	return &Problem{Type: TypeBase + string(code), Title: e.Title, Status: e.Status, Detail: detail, Code: code}
}

// WithHeader adds a header to the answer.
func (p *Problem) WithHeader(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// WithErrors adds what is wrong with single fields.
func (p *Problem) WithErrors(errs ...FieldError) *Problem {
	p.Errors = append(p.Errors, errs...)
	return p
}

// At names the occurrence.
func (p *Problem) At(requestID, traceID string) *Problem {
	if requestID != "" {
		p.Instance = "urn:tansu:request:" + requestID
	}
	p.TraceID = traceID
	return p
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// Unwrap returns the error behind an internal problem. It is for the server's
// log and never part of the answer.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus, GetHeaders and ContentType let huma write a problem that a handler
// returned.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that belong to the answer.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType replaces the negotiated JSON type.
func (p *Problem) ContentType(string) string { return ContentType }

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	for _, name := range []string{"Content-Encoding", "Content-Length", "ETag", "Last-Modified"} {
		if p.header.Get(name) == "" {
			h.Del(name)
		}
	}
	h.Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	// A client that went away cannot be told so.
	_ = json.NewEncoder(w).Encode(p)
}
