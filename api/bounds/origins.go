package bounds

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/api/middleware"
	"tansu.cloud/domain/space"
	"tansu.cloud/projections/readmodels/access"
)

// Origins knows from which pages tenants may be used.
type Origins interface {
	Origins(ctx context.Context, tenant uuid.UUID) (access.Origins, error)
	// OriginNamed reports whether any tenant may be used from an origin.
	OriginNamed(ctx context.Context, origin string) (bool, error)
}

// CrossOrigin returns the origin of the page that sends a request, empty if it is
// a page of the same host, or no page at all.
func CrossOrigin(r *http.Request) string {
	origin := r.Header.Get("Origin")
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) &&
		(u.Scheme == "https" || u.Scheme == "http" && !middleware.From(r.Context()).Secure) {
		return ""
	}
	return origin
}

// OfInstallation reports whether pages of an origin may use every tenant.
func (t *Table) OfInstallation(origin string) bool { return t.installation[origin] }

// KnowsOrigin reports whether pages of an origin may use any tenant at all: what
// can be said before it is known which tenant a request is about.
func (t *Table) KnowsOrigin(ctx context.Context, origin string) (bool, error) {
	if t.OfInstallation(origin) {
		return true, nil
	}
	if !space.IsOrigin(origin) {
		return false, nil // whatever else clients make up costs no query
	}
	return t.named.get(ctx, origin)
}

// AllowsOrigin reports whether pages of an origin may use a tenant with the
// credentials of its people and programs. Those of the operator are bound to no
// tenant; only the installation's own pages may have them.
func (t *Table) AllowsOrigin(ctx context.Context, tenant uuid.UUID, bound bool, origin string) (bool, error) {
	if t.OfInstallation(origin) {
		return true, nil
	}
	if !bound || !space.IsOrigin(origin) {
		return false, nil
	}
	names, err := t.origins.get(ctx, tenant)
	return slices.Contains(names, origin), err
}
