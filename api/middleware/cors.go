package middleware

import (
	"net/http"

	"github.com/rs/cors"
)

// CORS lets the scripts of pages from other origins call the interface. They
// bring a token of their own: browsers send no cookies along, and no origin is
// admitted that is not named. What the token is good for may be less than what is
// admitted here, where nobody knows it yet; see Disown.
func CORS(admitted func(r *http.Request, origin string) bool) Func {
	return cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return admitted(r, origin), nil
		},
		AllowedMethods: []string{
			http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		},
		AllowedHeaders: []string{
			"Accept", "Accept-Language", "Authorization", "Cache-Control", "Content-Type", "Idempotency-Key", "If-Match",
			"If-None-Match", "Last-Event-ID", "Prefer", "Tansu-Min-Position", "Traceparent", "Tracestate", "X-Request-Id",
			"X-Tenant-Id",
		},
		ExposedHeaders: []string{
			"ETag", "Idempotency-Replayed", "Link", "Location", "Preference-Applied", "RateLimit", "RateLimit-Policy",
			"Retry-After", "Tansu-Position", "Tansu-Read-Model", "WWW-Authenticate", "X-Request-Id",
		},
		MaxAge: 600, // so that an origin which is taken off the list is soon gone
	}).Handler
}

// Preflight reports whether a browser asks before it sends a request.
func Preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// Disown keeps an answer from the page that asked for it.
func Disown(w http.ResponseWriter) { w.Header().Del("Access-Control-Allow-Origin") }
