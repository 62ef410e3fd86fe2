// Package middleware wraps every request before a route sees it: it gives the
// request a name and a trace, bounds its size and time, logs it and turns a
// panic into a problem. All of it is plain net/http, so that the REST interface
// and whatever else speaks HTTP share one entrance.
package middleware

import (
	"context"
	"net/http"

	"tansu.cloud/api/problem"
)

// Func is one layer around a handler.
type Func func(http.Handler) http.Handler

// Chain puts the layers around h, the first one outermost.
func Chain(h http.Handler, layers ...Func) http.Handler {
	for i := len(layers) - 1; i >= 0; i-- {
		h = layers[i](h)
	}
	return h
}

// Info is what is known about a request. Inner layers fill it, the access log
// reads it last. It belongs to the goroutine of the request.
type Info struct {
	RequestID string
	TraceID   string
	Address   string // of the client, an IP address
	Secure    bool   // sent over https
	Route     Route
	Actor     string // who is calling, once authenticated
	Tenant    string // whose log the request is about, once resolved
	Spent     int    // of the quota of requests of the caller's tenant, this one included; 0: it has none
	Failure   error  // what went wrong on the server, for the log only
}

// Route is what the path and method lead to; the zero Route is none.
type Route struct {
	Pattern string // of http.ServeMux, e.g. "GET /v1/tenants/{id}"
	// Long routes take as long as the log is; neither the request time-out nor
	// the write deadline cuts them.
	Long bool
}

type infoKey struct{}

// From returns the request's Info. Outside of Begin it is empty.
func From(ctx context.Context) *Info {
	if info, ok := ctx.Value(infoKey{}).(*Info); ok {
		return info
	}
	return &Info{}
}

// Refuse answers with a problem that names this occurrence.
func Refuse(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	info := From(r.Context())
	p.At(info.RequestID, info.TraceID).Write(w)
}
