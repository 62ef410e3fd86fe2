package middleware

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// AccessLog writes one line for each request: never a body, a query string or a
// header, which may hold secrets. Of the client's address only the network stands
// there, and only if it is not known who called: the whole would be personal. Probes that succeed
// are logged at debug level.
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
				} else {
					attrs = append(attrs, slog.String("network", masked(info.Address)))
				}
				if info.Tenant != "" {
					attrs = append(attrs, slog.String("tenant_id", info.Tenant))
				}
				if info.Failure != nil {
					attrs = append(attrs, slog.String("error", cut(info.Failure.Error())))
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

// maxError bounds the only text of a line that nothing else bounds.
const maxError = 4 << 10

func cut(text string) string {
	if len(text) <= maxError {
		return text
	}
	return strings.ToValidUTF8(text[:maxError], "") + "…"
}

// masked is the part of an address that names no single machine.
func masked(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	bits := 48
	if parsed = parsed.Unmap().WithZone(""); parsed.Is4() {
		bits = 24
	}
	prefix, _ := parsed.Prefix(bits) // the length fits
	return prefix.String()
}
