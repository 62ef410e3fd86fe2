package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"tansu.cloud/api/problem"
)

// Begin is the outermost layer: it attaches the Info, finds the route and turns
// a panic below into a problem, with the stack in the log. When the answer is
// already on its way the connection is cut instead, so that the client notices.
func Begin(log *slog.Logger, route func(*http.Request) Route) Func {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			info := &Info{Route: route(r)}
			w := &response{ResponseWriter: rw}
			r = r.WithContext(context.WithValue(r.Context(), infoKey{}, info))
			r.Pattern = info.Route.Pattern // for the names of spans and metrics
			defer func() {
				cause := recover()
				if cause == nil {
					return
				}
				if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(http.ErrAbortHandler)
				}
				log.ErrorContext(r.Context(), "panic in a handler", "panic", fmt.Sprint(cause), "route", info.Route.Pattern,
					"request_id", info.RequestID, "trace_id", info.TraceID, "stack", string(debug.Stack()))
				if w.status != 0 {
					panic(http.ErrAbortHandler)
				}
				Refuse(w, r, problem.New(problem.Internal, "The server failed; the trace id finds the reason in its log."))
			}()
			next.ServeHTTP(w, r)
		})
	}
}
