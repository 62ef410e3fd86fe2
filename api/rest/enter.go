package rest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/api/access"
	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
	"tansu.cloud/api/ws"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// authenticate finds out who calls.
func (s *server) authenticate(r *http.Request, rt route, c *call) error {
	if rt.public {
		return nil
	}
	given := r.Header.Get("Authorization")
	c.token = bearer(given)
	var err error
	if c.principal, err = s.Access.Authenticate(r.Context(), c.token, s.named(r)); err != nil {
		if p := problem.From(err); p.Status == http.StatusUnauthorized {
			challenge := `Bearer realm="tansu"`
			if given != "" {
				challenge += `, error="invalid_token"`
			}
			return p.WithHeader("WWW-Authenticate", challenge)
		}
		return err
	}
	c.actor = c.principal.Actor
	return nil
}

// bearer returns the token of an Authorization header, "" if there is none.
func bearer(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// authorize checks the permission of the route in the tenant that the request is
// about.
func authorize(rt route, c *call) error {
	switch {
	case rt.public, rt.anyone && !rt.tenant:
		return nil
	case rt.anyone:
		if c.principal.Kind == access.Operator || c.principal.Member {
			return nil
		}
		return problem.New(problem.Forbidden, "You are not a member of the tenant.")
	case !c.principal.Permitted(c.tenant, rt.permission):
		return problem.New(problem.Forbidden, "This needs the permission "+rt.permission+".")
	}
	return nil
}

// AuthenticateSockets is how websockets and feeds find out who calls, by the
// same credentials as the routes.
func AuthenticateSockets(a Access) func(ctx context.Context, token, tenant string) (ws.Principal, error) {
	return func(ctx context.Context, token, tenant string) (ws.Principal, error) {
		p, err := a.Authenticate(ctx, token, tenant)
		if err != nil {
			return ws.Principal{}, err
		}
		return ws.Principal{Actor: p.Actor, ExpiresAt: p.ExpiresAt, Permitted: p.Permitted, Tenant: p.Tenant, Bound: p.Bound}, nil
	}
}

// findTenant says which tenant a request is about. A credential that is bound to
// a tenant is good for no other, and is not told whether there are others.
func (s *server) findTenant(r *http.Request, rt route, c *call) (uuid.UUID, error) {
	named := s.named(r) != ""
	if c.principal == nil || !c.principal.Bound {
		if !rt.tenant {
			return eventstore.SystemTenant, nil
		}
		return s.resolveTenant(r, "")
	}
	if !rt.tenant && !named {
		return eventstore.SystemTenant, nil
	}
	own := c.principal.Tenant
	found, err := s.resolveTenant(r, own.String())
	if err == nil && found == own {
		if !rt.tenant {
			found = eventstore.SystemTenant
		}
		return found, nil
	}
	if p := problem.From(err); err != nil && (p.Code == problem.HeaderInvalid || p.Status >= http.StatusInternalServerError) {
		return uuid.Nil, err
	}
	if _, closed := s.tenantLog(r, own.String()); closed != nil {
		return uuid.Nil, closed
	}
	return uuid.Nil, problem.New(problem.TenantMismatch, "The token is for another tenant; get one for this tenant, or leave X-Tenant-Id out.")
}

// named is the tenant that a request names, by id or slug. If it names two, they must
// be found to be the same.
func (s *server) named(r *http.Request) string {
	if header := r.Header.Get("X-Tenant-Id"); header != "" {
		return header
	}
	return s.subdomain(r.Host)
}

// resolveTenant finds the tenant that a request names: X-Tenant-Id, or the
// sub-domain, or else the one that is meant without either.
func (s *server) resolveTenant(r *http.Request, otherwise string) (uuid.UUID, error) {
	header, label := r.Header.Get("X-Tenant-Id"), s.subdomain(r.Host)
	if header == "" && label == "" {
		return s.tenantLog(r, otherwise)
	}
	if label == "" {
		return s.tenantLog(r, header)
	}
	byLabel, err := s.tenantLog(r, label)
	if err != nil || header == "" {
		return byLabel, err
	}
	byHeader, err := s.tenantLog(r, header)
	if err == nil && byHeader != byLabel {
		err = problem.New(problem.HeaderInvalid, "X-Tenant-Id and the sub-domain name different tenants; send one of them.").
			WithErrors(problem.FieldError{Pointer: "/header/X-Tenant-Id", Code: "ambiguous", Message: "must name the same tenant as the sub-domain"})
	}
	return byHeader, err
}

// subdomain returns the label in front of the installation's domain, if it can
// be a tenant's. Reserved ones such as "api" name the installation itself.
func (s *server) subdomain(host string) string {
	if s.Config.Domain == "" {
		return ""
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	label, ok := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), "."+s.Config.Domain)
	if !ok {
		return ""
	}
	if problems := tenant.CheckSlug(label); len(problems) > 0 && problems[0].Code == "reserved" {
		return ""
	}
	return label
}

func (s *server) tenantLog(r *http.Request, idOrSlug string) (uuid.UUID, error) {
	if s.Cache == nil {
		return OpenTenant(r.Context(), s.Tenants, idOrSlug)
	}
	version, _, known := s.Projections.Shown(tenantdirectory.Name, eventstore.SystemTenant)
	if was, found := s.opened.GetIfPresent(idOrSlug); known && found && was.version == version {
		return was.id, nil
	}
	id, err := OpenTenant(r.Context(), s.Tenants, idOrSlug)
	if known && err == nil {
		s.opened.Set(idOrSlug, opened{version, id})
	}
	return id, err
}

// opened is a tenant that was found open in one version of the directory.
type opened struct {
	version string
	id      uuid.UUID
}

// maxOpened bounds the memory for them to some megabytes.
const maxOpened = 10_000

// OpenTenant finds a tenant whose log is open; the system tenant's always is.
func OpenTenant(ctx context.Context, tenants Tenants, idOrSlug string) (uuid.UUID, error) {
	if idOrSlug == "" || idOrSlug == "system" || idOrSlug == eventstore.SystemTenant.String() {
		return eventstore.SystemTenant, nil
	}
	found, err := tenants.Get(ctx, idOrSlug)
	switch {
	case errors.Is(err, tenantdirectory.ErrNotFound):
		return uuid.Nil, problem.New(problem.TenantNotFound, "No tenant has this id or slug; check X-Tenant-Id, the sub-domain, or tenant in the connect frame.")
	case err != nil:
		return uuid.Nil, err
	case found.Status == string(tenant.StatusSuspended):
		return uuid.Nil, problem.New(problem.TenantSuspended, "The tenant is suspended; its log is closed until it is reactivated.")
	case found.Status == string(tenant.StatusArchived):
		return uuid.Nil, problem.New(problem.TenantArchived, "The tenant is archived; its log is closed.")
	}
	return found.ID, nil
}

// acceptable reports whether an Accept header admits a media type. What cannot
// be read in it is passed over.
func acceptable(accept []string, media string) bool {
	if len(accept) == 0 || strings.TrimSpace(strings.Join(accept, "")) == "" {
		return true
	}
	family, _, _ := strings.Cut(media, "/")
	for _, value := range accept {
		for _, element := range strings.Split(value, ",") {
			kind, params, _ := strings.Cut(element, ";")
			switch strings.ToLower(strings.TrimSpace(kind)) {
			case media, family + "/*", "*/*":
				if !refusedByQuality(params) {
					return true
				}
			}
		}
	}
	return false
}

// refusedByQuality finds q=0.
func refusedByQuality(params string) bool {
	for _, param := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err == nil && q == 0
		}
	}
	return false
}

// payer is whose allowance a request uses: that of the principal's own tenant.
func (s *server) payer(ctx context.Context, c *call) (middleware.Payer, error) {
	if c.principal == nil {
		return middleware.Payer{}, nil
	}
	p := middleware.Payer{
		Tenant: c.principal.Tenant.String(), Actor: c.principal.Actor, Operator: c.principal.Kind == access.Operator,
	}
	most, bounded, err := s.Bounds.Quota(ctx, c.principal.Tenant, tenant.QuotaRequests)
	if bounded {
		p.Quota = middleware.PerMinute(most)
	}
	return p, err
}
