package rest

import (
	"context"
	"net/http"

	"tansu.cloud/api/bounds"
	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/domain/space"
	"tansu.cloud/projections/readmodels/access"
)

// countPreflights counts browsers' questions as requests without credentials.
// Those about the installation's own pages cost nothing.
func (s *server) countPreflights(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if middleware.Preflight(r) && !s.Bounds.OfInstallation(r.Header.Get("Origin")) {
			if p := s.RateLimits.Admit(w, r, middleware.Payer{}); p != nil {
				middleware.Refuse(w, r, p)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// admitsOrigin says from which pages browsers may send requests, and read what is
// answered before it is known who asks. A preflight brings no token: only the
// sub-domain may say which tenant it is about; else any tenant's pages will do.
func (s *server) admitsOrigin(r *http.Request, origin string) bool {
	admitted, err := false, error(nil)
	if label := s.subdomain(r.Host); label == "" || !middleware.Preflight(r) || s.Bounds.OfInstallation(origin) {
		admitted, err = s.Bounds.KnowsOrigin(r.Context(), origin)
	} else if found, missing := s.Tenants.Get(r.Context(), label); missing == nil {
		admitted, err = s.Bounds.AllowsOrigin(r.Context(), found.ID, true, origin)
	}
	return admitted && err == nil // the request itself will meet the same fault, and say so
}

// checkOrigin refuses what a page sends that may not use the tenant of the
// credentials that it has.
func (s *server) checkOrigin(w http.ResponseWriter, r *http.Request, c *call) error {
	origin := bounds.CrossOrigin(r)
	if origin == "" || c.principal == nil {
		return nil
	}
	allowed, err := s.Bounds.AllowsOrigin(r.Context(), c.principal.Tenant, c.principal.Bound, origin)
	if allowed {
		return nil
	}
	middleware.Disown(w)
	if err != nil {
		return err
	}
	return problem.New(problem.OriginForbidden, "Pages of this origin may not use the tenant; have its administrator add the origin (PUT /v1/origins).")
}

// Origins are the origins whose pages may use a tenant.
type Origins struct {
	Origins []string `json:"origins" doc:"Scheme, host and, if it is not the default one, port; sorted." example:"[\"https://app.example.com\"]"`
	Version int64    `json:"version" doc:"Of its stream; the ETag." example:"2"`
}

// OriginsBody holds the new origins.
type OriginsBody struct {
	Origins []string `json:"origins" doc:"Replaces all of them; at most 20, each as browsers send it: https, or http for localhost, in lower case, without a path, a default port or *." example:"[\"https://app.example.com\"]"`
}

var spaceTarget = target{streamType: space.StreamType, readModel: access.Name}

func (s *server) originRoutes() {
	register(s, endpoint{
		route: route{permission: "origins.read", tenant: true}, also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
		id: "get-origins", method: http.MethodGet, path: "/v1/origins", tag: "Origins",
		summary: "Read the origins of a tenant", description: "The origins whose pages may use the tenant, besides those that the installation names.",
	}, func(ctx context.Context, in *struct {
		ReadHeaders
		ConditionalHeaders
	}) (*found[Origins], error) {
		tenant := callOf(ctx).tenant
		if err := s.awaitReadModel(ctx, in.ReadHeaders, access.Name, tenant); err != nil {
			return nil, err
		}
		o, err := s.Directory.Origins(ctx, tenant)
		if err != nil {
			return nil, err
		}
		return oneOf(in.ConditionalHeaders, o.Version, Origins{listOf(o.Names), o.Version})
	})
	register(s, endpoint{
		route: route{permission: commands.PermissionManageOrigins, tenant: true},
		id:    "change-origins", method: http.MethodPut, path: "/v1/origins", tag: "Origins",
		summary:     "Change the origins of a tenant",
		description: "Replaces the origins whose pages may use the tenant. It takes effect within a second, on requests and on open sockets and feeds.",
	}, func(ctx context.Context, in *struct {
		ChangeHeaders
		Body OriginsBody
	}) (*changed[Origins], error) {
		sent, err := sendToName(ctx, s, spaceTarget, space.StreamID, s.Commands.ChangeOrigins, in.ChangeHeaders, commands.ChangeOrigins{Origins: in.Body.Origins})
		if err != nil {
			return nil, err
		}
		return &changed[Origins]{sent.status, sent.Written, Origins{listOf(sent.state.Origins), sent.version}}, nil
	})
}
