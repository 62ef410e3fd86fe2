package middleware

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"tansu.cloud/api/problem"
)

// Limits bounds headers and body and refuses what no later layer should have to
// think about: NUL and broken UTF-8 in headers, path or query, a single-valued
// header sent twice, a repeated query parameter. A body over the limit fails
// with *http.MaxBytesError while it is read.
func Limits(headerBytes int, bodyBytes int64) Func {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if p := checkHeaders(r.Header, headerBytes); p != nil {
				Refuse(w, r, p)
				return
			}
			if p := checkURL(r.URL); p != nil {
				Refuse(w, r, p)
				return
			}
			if r.ContentLength > bodyBytes {
				Refuse(w, r, TooLarge(bodyBytes))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, bodyBytes)
			next.ServeHTTP(w, r)
		})
	}
}

// TooLarge is the problem of a body over the limit.
func TooLarge(limit int64) *problem.Problem {
	return problem.New(problem.PayloadTooLarge, fmt.Sprintf("The body may have at most %d bytes.", limit))
}

// single lists the headers of which a second line would be ambiguous.
var single = []string{
	"Authorization", "Content-Type", "Content-Encoding", "Idempotency-Key", "Origin", "Tansu-Min-Position", "Traceparent", "X-Tenant-Id",
}

func checkHeaders(h http.Header, limit int) *problem.Problem {
	size := 0
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v)
			if !plainText(v) {
				return headerProblem(name, "must be UTF-8 without control characters")
			}
		}
	}
	if size > limit {
		return problem.New(problem.HeadersTooLarge, fmt.Sprintf("The headers may have at most %d bytes together.", limit))
	}
	for _, name := range single {
		if len(h.Values(name)) > 1 {
			return headerProblem(name, "may be sent once only")
		}
	}
	return nil
}

// headerProblem names the header if its name is one that can be repeated safely.
func headerProblem(name, message string) *problem.Problem {
	p := problem.New(problem.HeaderInvalid, "A header is not as it must be.")
	if len(name) > 64 || !plainText(name) {
		name = "*"
	}
	return p.WithErrors(problem.FieldError{Pointer: "/header/" + name, Code: "malformed", Message: message})
}

func checkURL(u *url.URL) *problem.Problem {
	if !plainText(u.Path) {
		return problem.New(problem.URLInvalid, "The path must be UTF-8 without control characters.")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return problem.New(problem.URLInvalid, "The query string is not encoded as name=value pairs joined by &.")
	}
	for name, values := range query {
		if !plainText(name) || !plainText(values[0]) {
			return problem.New(problem.URLInvalid, "The query string must be UTF-8 without control characters.")
		}
		if len(values) > 1 {
			return problem.New(problem.URLInvalid, "A query parameter is repeated; send each once, lists joined by commas.")
		}
	}
	// The routes' parser is more lenient than this one; give it one reading only.
	u.RawQuery = query.Encode()
	return nil
}

func plainText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) < 0
}
