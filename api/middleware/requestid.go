package middleware

import (
	"net/http"

	"github.com/google/uuid"
)

const maxRequestID = 128

// RequestID keeps the caller's X-Request-Id if it is sane, else makes one, and
// answers with it.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if len(r.Header.Values("X-Request-Id")) != 1 || !saneID(id) {
			id = uuid.Must(uuid.NewV7()).String()
		}
		From(r.Context()).RequestID = id
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r)
	})
}

// saneID admits what can stand in logs and URNs without escaping.
func saneID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	return true
}
