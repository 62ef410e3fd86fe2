package rest

import (
	"context"
	"maps"
	"net/http"
	"path"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"tansu.cloud/api/access"
	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
	"tansu.cloud/platform/tenantscope"
)

// route is what must be known about a request before its handler sees it.
type route struct {
	permission string // what the caller needs; empty: see anyone and public
	anyone     bool   // needs a token, and membership if it is about a tenant's log
	public     bool   // needs no token
	tenant     bool   // is about the log of the tenant that the request names
	long       bool   // takes as long as the log is
	body       bool   // takes a JSON body
	produces   string // media type of the answer
	foreign    bool   // of another protocol, which judges requests by itself
	validated  bool   // its answers have entity tags
}

// endpoint declares a route of the API together with its documentation.
type endpoint struct {
	route
	id, method, path string
	tag              string
	summary          string
	description      string
	status           int // of success, if not 200
	also             map[int]string
	content          *huma.MediaType // of success, if the type of the output does not tell
	// cached lists the read models that the answers are made of and nothing else,
	// the one first for which Tansu-Min-Position waits; so answers can be kept until
	// one of these changes. They must be the same for everyone who is permitted.
	cached []source
}

func (e endpoint) pattern() string { return e.method + " " + e.path }

// register declares a route whose handler works on decoded input and output.
func register[I, O any](s *server, e endpoint, handle func(context.Context, *I) (*O, error)) {
	e.body = e.method != http.MethodGet
	if e.produces == "" {
		e.produces = "application/json"
	}
	e.validated = !e.body && !e.public && !e.long && e.produces == "application/json"
	s.routes[e.pattern()] = e.route
	s.cached[e.pattern()] = e.cached
	huma.Register(s.api, operation(e), func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, refuse(ctx, err)
		}
		return out, nil
	})
}

// handle declares a route beside the API, for what is not JSON.
func (s *server) handle(pattern string, rt route, h http.HandlerFunc) {
	s.routes[pattern] = rt
	s.mux.HandleFunc(pattern, h)
}

// find returns the route of a request, the zero Route if there is none.
func (s *server) find(r *http.Request) middleware.Route {
	escaped := r.URL.EscapedPath()
	clean := path.Clean(escaped)
	if !strings.HasPrefix(escaped, "/") || clean != escaped && clean+"/" != escaped {
		return middleware.Route{} // the mux would redirect
	}
	_, pattern := s.mux.Handler(r)
	if clean != escaped && !strings.HasSuffix(pattern, "/") {
		return middleware.Route{} // as well
	}
	return middleware.Route{Pattern: pattern, Long: s.routes[pattern].long}
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// unmatched answers a request that no route takes: 405 if the path has routes
// for other methods, else 404.
func (s *server) unmatched(r *http.Request) error {
	var allowed []string
	for _, m := range methods {
		other := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if s.find(other).Pattern != "" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		return problem.New(problem.NotFound, "There is no such path; /docs lists all of them.")
	}
	return problem.New(problem.MethodNotAllowed, "The path offers "+strings.Join(allowed, ", ")+".").
		WithHeader("Allow", strings.Join(allowed, ", "))
}

// call is what is known about the caller of a route.
type call struct {
	method, path, pattern string
	query                 string            // as middleware normalised it
	principal             *access.Principal // nil on public routes
	actor, token          string
	address               string    // of the client
	tenant                uuid.UUID // whose log; the system tenant's, unless the route is about another's
	body                  string    // canonical
	least                 int64     // position that a kept answer includes at least
	passing               bool      // the answer ends by itself
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// in returns the context of a call. What is read in it is of the call's tenant,
// and nothing without a caller.
func (c *call) in(ctx context.Context) context.Context {
	if c.principal != nil {
		ctx = tenantscope.Within(ctx, c.tenant)
	}
	return context.WithValue(ctx, callKey{}, c)
}

// dispatch leads a request to its route: who calls, about which tenant, in which
// media type, with which body.
func (s *server) dispatch(w http.ResponseWriter, r *http.Request) {
	info := middleware.From(r.Context())
	rt, ok := s.routes[info.Route.Pattern]
	if !ok {
		err := s.unmatched(r)
		if p := s.RateLimits.Admit(w, r, middleware.Payer{}); p != nil { // nobody looks whose it is
			err = p
		}
		middleware.Refuse(w, r, refuse(r.Context(), err))
		return
	}
	c := &call{method: r.Method, path: r.URL.EscapedPath(), query: r.URL.RawQuery, pattern: info.Route.Pattern, address: middleware.ClientAddress(r)}
	if err := s.enter(w, r, rt, c); err != nil {
		p := refuse(r.Context(), err)
		if p.Status == http.StatusTooManyRequests && s.TooMany != nil && isPage(r) {
			maps.Copy(w.Header(), p.GetHeaders())
			s.TooMany.ServeHTTP(w, r)
			return
		}
		middleware.Refuse(w, r, p)
		return
	}
	if rt.foreign {
		s.mux.ServeHTTP(w, r)
		return
	}
	if rt.produces == "application/json" {
		r.Header.Del("Accept") // it is settled; huma shall not read it another way
	}
	for _, list := range []string{"Prefer", "If-Match", "If-None-Match"} {
		if values := r.Header.Values(list); len(values) > 1 {
			r.Header.Set(list, strings.Join(values, ", "))
		}
	}
	r = r.WithContext(c.in(r.Context()))
	if rt.validated {
		s.answer(w, r, c)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *server) enter(w http.ResponseWriter, r *http.Request, rt route, c *call) error {
	err := s.authenticate(r, rt, c)
	paying, unknown := s.payer(r.Context(), c)
	if unknown != nil {
		return unknown
	}
	foreign := s.checkOrigin(w, r, c)
	if p := s.RateLimits.Admit(w, r, paying); p != nil { // of requests too whose credentials do not hold
		return p
	}
	if err == nil {
		err = foreign
	}
	if err != nil || rt.foreign {
		return err
	}
	middleware.From(r.Context()).Actor = c.actor
	if c.tenant, err = s.findTenant(r, rt, c); err != nil {
		return err
	}
	if rt.tenant {
		middleware.From(r.Context()).Tenant = c.tenant.String()
	}
	if err := authorize(rt, c); err != nil {
		return err
	}
	if !acceptable(r.Header.Values("Accept"), rt.produces) {
		return problem.New(problem.NotAcceptable, "The answer is "+rt.produces+"; accept that or leave the Accept header out.")
	}
	if rt.body {
		c.body, err = s.readBody(w, r)
	}
	return err
}
