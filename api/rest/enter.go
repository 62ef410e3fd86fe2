package rest

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
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
	if !s.bearer(r.Header.Get("Authorization")) {
		challenge := `Bearer realm="tansu"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		return problem.New(problem.Unauthorized, "Send the operator token as Authorization: Bearer <token>.").
			WithHeader("WWW-Authenticate", challenge)
	}
	c.actor = actorOperator
	if !permitted(c.actor, rt.permission) {
		return problem.New(problem.Forbidden, "This needs the permission "+rt.permission+".")
	}
	return nil
}

// bearer reports whether an Authorization header holds the operator token.
func (s *server) bearer(authorization string) bool {
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	return strings.EqualFold(scheme, "Bearer") && token != "" && s.Operator.VerifyOperator(token)
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
	if idOrSlug == "" || idOrSlug == "system" || idOrSlug == eventstore.SystemTenant.String() {
		return eventstore.SystemTenant, nil
	}
	found, err := s.Tenants.Get(r.Context(), idOrSlug)
	switch {
	case errors.Is(err, tenantdirectory.ErrNotFound):
		return uuid.Nil, problem.New(problem.TenantNotFound, "X-Tenant-Id or the sub-domain names no tenant.")
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
