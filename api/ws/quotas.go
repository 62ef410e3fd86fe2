package ws

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/limits"
)

// Quota is a bound for a tenant and for each of its principals.
type Quota struct{ Tenant, Principal int }

// Quotas is what tenants and principals may take. Zero values stand for the
// defaults.
type Quotas struct {
	Connections   Quota // sockets and feeds at once; default 20,000
	Subscriptions Quota // at once; default 100,000
	Joins         Quota // a second; default 1,000
	Bytes         Quota // of events a second; default 256 MiB
}

func (q *Quotas) setDefaults() {
	for _, d := range []struct {
		quota *Quota
		value int
	}{{&q.Connections, 20_000}, {&q.Subscriptions, 100_000}, {&q.Joins, 1_000}, {&q.Bytes, 256 << 20}} {
		if d.quota.Tenant == 0 {
			d.quota.Tenant = d.value
		}
		if d.quota.Principal == 0 {
			d.quota.Principal = d.value
		}
	}
}

// payer is whose quotas are used. The connections of a token share it.
type payer struct{ connections, subscriptions, joins, bytes purse }

// purse is a quota with the keys of its counters, which begin with the tenant.
type purse struct {
	tenant, principal string
	quota             Quota
}

func (q *Quotas) payer(tenant uuid.UUID, actor string) *payer {
	of := func(what string, quota Quota) purse {
		return purse{tenant.String() + "/" + what, tenant.String() + "/" + actor + "/" + what, quota}
	}
	return &payer{
		connections: of("connections", q.Connections), subscriptions: of("subscriptions", q.Subscriptions),
		joins: of("joins", q.Joins), bytes: of("bytes", q.Bytes),
	}
}

// hold counts one thing for tenant and principal until release.
func (s *Server) hold(ctx context.Context, p *purse) (release func(), ok bool) {
	first, ok := s.Limits.Acquire(ctx, p.principal, p.quota.Principal)
	if !ok {
		return nil, false
	}
	second, ok := s.Limits.Acquire(ctx, p.tenant, p.quota.Tenant)
	if !ok {
		first()
		return nil, false
	}
	return func() { first(); second() }, true
}

// holdConnection counts a connection until release, within the tenant's own quota
// too.
func (s *Server) holdConnection(ctx context.Context, p *payer, tenant uuid.UUID) (release func(), ok bool, err error) {
	most, bounded, err := s.Quota(ctx, tenant)
	if err != nil {
		return nil, false, err
	}
	within := p.connections
	if bounded {
		within.quota.Tenant = min(within.quota.Tenant, most)
	}
	release, ok = s.hold(ctx, &within)
	return release, ok, nil
}

// Connections is how many sockets and feeds of a tenant are open, in all processes
// as far as their limits are shared.
func (s *Server) Connections(ctx context.Context, tenant uuid.UUID) int {
	return s.Limits.Held(ctx, s.Quotas.payer(tenant, "").connections.tenant)
}

// spend takes n of what principal and tenant may take in a second, or less if
// that is more than there ever is. The principal is asked first, so that one who
// is refused takes nothing from the others of the tenant.
func (s *Server) spend(ctx context.Context, p *purse, n int) (spent int, retryAfter time.Duration) {
	n = min(n, p.quota.Tenant, p.quota.Principal)
	for _, bucket := range []struct {
		key       string
		perSecond int
	}{{p.principal, p.quota.Principal}, {p.tenant, p.quota.Tenant}} {
		rate := limits.Rate{Tokens: bucket.perSecond, Per: time.Second, Burst: bucket.perSecond}
		if d := s.Limits.Allow(ctx, bucket.key, rate, n); !d.OK {
			return 0, d.RetryAfter
		}
	}
	return n, 0
}

// Frames that one connection may send.
const (
	framesPerSecond = 50
	framesBurst     = 200
	// maxHasty is how many refusals for haste a connection gets before it ends.
	maxHasty = 100
)

// pace is a token bucket of one connection's frames.
type pace struct {
	tokens float64
	last   time.Time
	hasty  int // frames refused
}

// take reports whether a frame may come now, else when.
func (p *pace) take(now time.Time) (ok bool, retryAfter time.Duration) {
	if p.last.IsZero() {
		p.tokens = framesBurst
	} else {
		p.tokens = min(framesBurst, p.tokens+now.Sub(p.last).Seconds()*framesPerSecond)
	}
	p.last = now
	if p.tokens >= 1 {
		p.tokens--
		return true, 0
	}
	p.hasty++
	return false, time.Duration((1 - p.tokens) / framesPerSecond * float64(time.Second))
}
