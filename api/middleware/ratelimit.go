package middleware

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/api/problem"
	"tansu.cloud/platform/limits"
)

// Rates is how many requests of each class may come.
type Rates struct {
	Read, Write             limits.Rate // of one principal
	TenantRead, TenantWrite limits.Rate // of a tenant's principals together; of the operator alone
	Address                 limits.Rate // of one address, without credentials that hold
	Login                   limits.Rate // of one address, to sign in and to get tokens
}

// PerMinute is a rate whose burst is a minute's worth.
func PerMinute(requests int) limits.Rate {
	return limits.Rate{Tokens: requests, Per: time.Minute, Burst: requests}
}

// Payer is whose allowance a request uses. The zero Payer is whoever sends
// requests from the address of this one.
type Payer struct {
	Tenant   string // of the principal, not the one that the request is about
	Actor    string
	Operator bool
	Quota    limits.Rate // of all requests of the tenant, whatever their class; Per 0: none
}

// RateLimits counts requests. The nil RateLimits admits all of them.
type RateLimits struct {
	engine                      limits.Limits
	read, write                 allowance
	operatorRead, operatorWrite allowance
	address, login              allowance
	refusals                    metric.Int64Counter
}

// allowance is the buckets that a request of a class takes from.
type allowance struct {
	class    string
	policies []policy
	header   string // RateLimit-Policy
}

type policy struct {
	name string
	rate limits.Rate
}

// NewRateLimits returns limits that count in an engine.
func NewRateLimits(engine limits.Limits, rates Rates) (*RateLimits, error) {
	refusals, err := otel.Meter("tansu.cloud/api/middleware").Int64Counter("tansu.http.rate_limited",
		metric.WithUnit("{request}"), metric.WithDescription("Requests refused because too many came, by class and policy."))
	if err != nil {
		return nil, err
	}
	return &RateLimits{
		engine: engine, refusals: refusals,
		read:          newAllowance("read", policy{principal, rates.Read}, policy{tenant, rates.TenantRead}),
		write:         newAllowance("write", policy{principal, rates.Write}, policy{tenant, rates.TenantWrite}),
		operatorRead:  newAllowance("read", policy{principal, rates.TenantRead}),
		operatorWrite: newAllowance("write", policy{principal, rates.TenantWrite}),
		address:       newAllowance("unauthenticated", policy{address, rates.Address}),
		login:         newAllowance("login", policy{address, rates.Login}),
	}, nil
}

// Names of policies.
const (
	principal = "principal"
	tenant    = "tenant"
	address   = "address"
	quota     = "tenant-quota"
)

// refusals say in a sentence which policy it was.
var refusals = map[string]string{
	principal: "Too many requests of this principal; repeat after the time in Retry-After.",
	tenant:    "Too many requests of this tenant; repeat after the time in Retry-After.",
	address:   "Too many requests of this address; repeat after the time in Retry-After.",
	quota:     "The tenant's quota requests_per_minute is used up; repeat after the time in Retry-After, or ask for a higher quota.",
}

func newAllowance(class string, policies ...policy) allowance {
	a := allowance{class: class, policies: policies}
	var header []string
	for _, p := range policies {
		header = append(header, p.header())
	}
	a.header = strings.Join(header, ", ")
	return a
}

func (p policy) header() string {
	return `"` + p.name + `";q=` + strconv.Itoa(p.rate.Tokens) + ";w=" + strconv.Itoa(seconds(p.rate.Per))
}

// with adds the quota of a tenant, which is its own and not the platform's.
func (a allowance) with(rate limits.Rate) allowance {
	own := policy{quota, rate}
	a.policies = append(slices.Clip(a.policies), own)
	a.header += ", " + own.header()
	return a
}

// Admit counts a request, tells the client what is left (RateLimit and
// RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers) and returns the
// problem of one too many. It is called once for each request, after it was tried
// to find out who sends it: only those whose credentials do not hold share what
// their address may, so that nobody is locked out by a neighbour.
func (l *RateLimits) Admit(w http.ResponseWriter, r *http.Request, payer Payer) *problem.Problem {
	if l == nil || probe(r.URL.Path) {
		return nil
	}
	a := l.allowance(r, payer)
	if payer.Quota.Per > 0 {
		a = a.with(payer.Quota)
	}
	var scarcest policy
	var shown limits.Decision
	for i, p := range a.policies { // the principal first: who is refused takes nothing from the others
		d := l.take(r, payer, a.class, p)
		if p.name == quota {
			From(r.Context()).Spent = p.rate.Tokens - d.Remaining
		}
		if i == 0 || !d.OK || d.Remaining < shown.Remaining {
			scarcest, shown = p, d
		}
		if !d.OK {
			break
		}
	}
	h := w.Header()
	h.Set("RateLimit-Policy", a.header)
	h.Set("RateLimit", `"`+scarcest.name+`";r=`+strconv.Itoa(shown.Remaining)+";t="+strconv.Itoa(seconds(shown.Reset)))
	if shown.OK {
		return nil
	}
	l.refusals.Add(r.Context(), 1, metric.WithAttributes(
		attribute.String("class", a.class), attribute.String("policy", scarcest.name)))
	return problem.New(problem.RateLimited, refusals[scarcest.name]).
		WithHeader("Retry-After", strconv.Itoa(max(1, seconds(shown.RetryAfter))))
}

// take counts a request in one bucket. A quota may be 0, which no bucket is.
func (l *RateLimits) take(r *http.Request, payer Payer, class string, p policy) limits.Decision {
	if p.rate.Tokens == 0 {
		return limits.Decision{RetryAfter: p.rate.Per, Reset: p.rate.Per}
	}
	return l.engine.Allow(r.Context(), key(r, payer, class, p.name), p.rate, 1)
}

func (l *RateLimits) allowance(r *http.Request, payer Payer) allowance {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	switch {
	case payer.Actor == "" && !reads && signsIn(r.URL.Path):
		return l.login
	case payer.Actor == "":
		return l.address
	case payer.Operator && reads:
		return l.operatorRead
	case payer.Operator:
		return l.operatorWrite
	case reads:
		return l.read
	}
	return l.write
}

// signsIn finds the places where passwords, codes and secrets can be tried.
func signsIn(path string) bool {
	return path == "/oauth/token" || path == "/oauth/device_authorization" || strings.HasPrefix(path, "/auth/")
}

// nobody owns the buckets of addresses.
const nobody = "00000000-0000-0000-0000-000000000000"

func key(r *http.Request, payer Payer, class, policy string) string {
	switch policy {
	case address:
		return nobody + "/http/" + class + "/" + Network(ClientAddress(r))
	case tenant:
		return payer.Tenant + "/http/" + class
	case quota:
		return payer.Tenant + "/http/quota"
	}
	return payer.Tenant + "/http/" + class + "/" + payer.Actor
}

// seconds rounds up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
