package middleware

import (
	"crypto/rand"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Trace continues the caller's traceparent or begins a trace, and measures
// http.server.request.duration. Without a tracer a trace id is made all the
// same: problems, log lines and the events' metadata share it.
func Trace(next http.Handler) http.Handler {
	named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span := trace.SpanContextFromContext(r.Context())
		if !span.IsValid() {
			span = unrecordedSpan()
			r = r.WithContext(trace.ContextWithSpanContext(r.Context(), span))
		}
		From(r.Context()).TraceID = span.TraceID().String()
		next.ServeHTTP(w, r)
	})
	return otelhttp.NewHandler(named, "http",
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithFilter(func(r *http.Request) bool { return !probe(r.URL.Path) }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			if r.Pattern == "" {
				return r.Method
			}
			return r.Pattern
		}))
}

func unrecordedSpan() trace.SpanContext {
	var traceID trace.TraceID
	var spanID trace.SpanID
	rand.Read(traceID[:])
	rand.Read(spanID[:])
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID})
}

// probe tells requests that machines repeat every few seconds.
func probe(path string) bool {
	switch path {
	case "/livez", "/readyz", "/startupz", "/metrics":
		return true
	}
	return false
}
