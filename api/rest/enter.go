package rest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/api/ws"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// actorOperator is the principal of the operator token, as events name it.
const actorOperator = "operator"

// authenticate finds out who calls. Until people can sign in, the operator is
// the only principal and has every permission.
func (s *server) authenticate(r *http.Request, rt route, c *call) error {
	if rt.public {
		return nil
	}
	token, ok := s.bearer(r.Header.Get("Authorization"))
	if !ok {
		challenge := `Bearer realm="tansu"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		return problem.New(problem.Unauthorized, "Send the operator token as Authorization: Bearer <token>.").
			WithHeader("WWW-Authenticate", challenge)
	}
	c.actor, c.token = actorOperator, token
	if !permitted(c.actor, rt.permission) {
		return problem.New(problem.Forbidden, "This needs the permission "+rt.permission+".")
	}
	return nil
}

// bearer returns the token of an Authorization header if it is the operator's.
func (s *server) bearer(authorization string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != "" && s.Operator.VerifyOperator(token)
}

// AuthenticateSockets is how websockets and feeds find out who calls, by the
// same credential as the routes.
func AuthenticateSockets(operator Operator) func(context.Context, string) (ws.Principal, error) {
	return func(_ context.Context, token string) (ws.Principal, error) {
		if !operator.VerifyOperator(token) {
			return ws.Principal{}, problem.New(problem.Unauthorized, "The token does not hold; send the operator token.")
		}
		return ws.Principal{Actor: actorOperator, Permitted: func(_ uuid.UUID, permission string) bool {
			return permitted(actorOperator, permission)
		}}, nil
	}
}

// permitted says what a principal may do.
func permitted(actor, permission string) bool {
	return actor == actorOperator && permission != ""
}

// resolveTenant finds the tenant that a request is about: X-Tenant-Id, or the
// sub-domain, or else the system tenant.
func (s *server) resolveTenant(r *http.Request) (uuid.UUID, error) {
	header, label := r.Header.Get("X-Tenant-Id"), s.subdomain(r.Host)
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
	return OpenTenant(r.Context(), s.Tenants, idOrSlug)
}

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

func clientAddress(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
