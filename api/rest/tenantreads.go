package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// TenantList is a page of tenants.
type TenantList struct {
	Items      []Tenant `json:"items" doc:"The tenants."`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
	Total      *int64   `json:"total,omitempty" doc:"How many there are on all pages; only with count=exact." example:"1"`
}

type getTenantInput struct {
	TenantPath
	ReadHeaders
	ConditionalHeaders
}

type listTenantsInput struct {
	ReadHeaders
	Status string `query:"status" enum:"provisioning,provisioning_failed,active,suspended,archived" doc:"Only tenants with this status." example:"active"`
	Slug   string `query:"slug" maxLength:"63" doc:"Only the tenant with this slug." example:"acme"`
	Name   string `query:"name" maxLength:"200" doc:"Only tenants whose name contains this text." example:"Acme"`
	Sort   string `query:"sort" enum:"created_at,-created_at,name,-name,slug,-slug" default:"created_at" doc:"In which order; - for descending." example:"-created_at"`
	PageQuery
	Count string `query:"count" enum:"exact" doc:"exact: count all pages, which costs more." example:"exact"`
}

var ofTenants = []source{{readModel: tenantdirectory.Name}}

func (s *server) tenantReads() {
	register(s, endpoint{
		route: route{permission: "tenants.read"},
		id:    "list-tenants", method: http.MethodGet, path: "/v1/tenants", tag: "Tenants",
		summary: "List tenants", description: "A page of tenants, filtered and sorted.",
		cached: ofTenants,
	}, s.listTenants)
	register(s, endpoint{
		route: route{permission: "tenants.read"}, also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
		id: "get-tenant", method: http.MethodGet, path: "/v1/tenants/{id}", tag: "Tenants",
		summary: "Read a tenant", description: "One tenant, by id or slug.",
		cached: ofTenants,
	}, s.getTenant)
}

func (s *server) getTenant(ctx context.Context, in *getTenantInput) (*found[Tenant], error) {
	if err := s.awaitReadModel(ctx, in.ReadHeaders, tenantdirectory.Name, eventstore.SystemTenant); err != nil {
		return nil, err
	}
	t, err := s.Tenants.Get(ctx, in.ID)
	if err != nil {
		return nil, missingAs(err, tenant.ErrNotFound)
	}
	body, err := tenantJSON(t)
	if err != nil {
		return nil, err
	}
	details, err := s.Tenants.Details(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	body.Quotas, body.Provisioning = details.Quotas, provisioningJSON(details.Provisioning)
	return oneOf(in.ConditionalHeaders, t.Version, body)
}

func (s *server) listTenants(ctx context.Context, in *listTenantsInput) (*listed[TenantList], error) {
	if err := s.awaitReadModel(ctx, in.ReadHeaders, tenantdirectory.Name, eventstore.SystemTenant); err != nil {
		return nil, err
	}
	c := callOf(ctx)
	query := []string{c.pattern, in.Status, in.Slug, in.Name, in.Sort}
	q := tenantdirectory.ListQuery{
		Filter: tenantdirectory.Filter{Status: in.Status, Slug: in.Slug, Name: in.Name}, Sort: in.Sort, Limit: in.Limit,
	}
	if in.Cursor != "" {
		from, err := s.cursors.open(in.Cursor, query...)
		if err != nil {
			return nil, err
		}
		q.After = &tenantdirectory.Cursor{Value: from.Sort, ID: from.ID}
	}
	found, more, err := s.Tenants.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &listed[TenantList]{PageHeaders: PageHeaders{Position: in.MinPosition}, Body: TenantList{Items: []Tenant{}}}
	for _, t := range found {
		item, err := tenantJSON(t)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, item)
	}
	if more {
		last := q.CursorOf(found[len(found)-1])
		out.Body.NextCursor = s.cursors.seal(bookmark{Sort: last.Value, ID: last.ID}, query...)
		out.Link = nextLink(c, out.Body.NextCursor)
	}
	if in.Count == "exact" {
		total, err := s.Tenants.Count(ctx, q.Filter)
		if err != nil {
			return nil, err
		}
		out.Body.Total = &total
	}
	return out, nil
}

func tenantJSON(t tenantdirectory.Tenant) (Tenant, error) {
	out := Tenant{
		ID: t.ID.String(), Slug: t.Slug, Name: t.Name, Status: t.Status, Version: t.Version,
		CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
	}
	if err := json.Unmarshal(t.Settings, &out.Settings); err != nil {
		return out, fmt.Errorf("settings of tenant %s: %w", t.ID, err)
	}
	return out, nil
}
