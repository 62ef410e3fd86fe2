package middleware

import (
	"net/http"
	"strings"

	"github.com/rs/cors"
)

// CORS lets the scripts of pages from other origins call the interface. They
// bring a token of their own: browsers send no cookies along, and no origin is
// admitted that is not named.
func CORS(origins []string) Func {
	admitted := map[string]bool{}
	for _, origin := range origins {
		admitted[strings.ToLower(origin)] = true
	}
	return cors.New(cors.Options{
		// A function, because no origins at all would mean any to the library.
		AllowOriginVaryRequestFunc: func(_ *http.Request, origin string) (bool, []string) {
			return admitted[strings.ToLower(origin)], nil
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
