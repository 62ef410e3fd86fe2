package middleware

import (
	"context"
	"net/http"
	"time"
)

// answerTime is what remains to send the answer after a request ran out of time.
const answerTime = 10 * time.Second

// Timeout ends the context of a request after d and soon after that the sending
// of its answer. Long routes are exempt; they set deadlines as they progress.
func Timeout(d time.Duration) Func {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Not every ResponseWriter has deadlines (those of tests have none).
			deadlines := http.NewResponseController(w)
			if From(r.Context()).Route.Long {
				_ = deadlines.SetWriteDeadline(time.Time{})
				next.ServeHTTP(w, r)
				return
			}
			_ = deadlines.SetWriteDeadline(time.Now().Add(d + answerTime))
			ctx, cancel := context.WithTimeout(r.Context(), d)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
