package middleware

import (
	"log/slog"
	"net/http"
	"time"
)

// AccessLog writes one line for each request: never a body, a query string or a
// header, which may hold secrets. Probes that succeed are logged at debug level.
func AccessLog(log *slog.Logger) Func {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			start := time.Now()
			w := &response{ResponseWriter: rw}
			info := From(r.Context())
			status := http.StatusInternalServerError // of a panic
			defer func() {
				level := slog.LevelInfo
				switch {
				case info.Failure != nil:
					level = slog.LevelError
				case probe(r.URL.Path) && status < 400:
					level = slog.LevelDebug
				}
				attrs := []slog.Attr{
					slog.String("method", r.Method),
					slog.String("route", info.Route.Pattern),
					slog.Int("status", status),
					slog.Duration("duration", time.Since(start)),
					slog.Int64("bytes", w.bytes),
					slog.String("request_id", info.RequestID),
					slog.String("trace_id", info.TraceID),
				}
				if info.Actor != "" {
					attrs = append(attrs, slog.String("actor", info.Actor))
				}
				if info.Tenant != "" {
					attrs = append(attrs, slog.String("tenant_id", info.Tenant))
				}
				if info.Failure != nil {
					attrs = append(attrs, slog.String("error", info.Failure.Error()))
				}
				log.LogAttrs(r.Context(), level, "request", attrs...)
			}()
			next.ServeHTTP(w, r)
			if status = w.status; status == 0 {
				status = http.StatusOK
			}
		})
	}
}
