package rest

import (
	"context"

	"github.com/google/uuid"

	"tansu.cloud/api/middleware"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// Usage counts what a tenant has of what its quotas bound, by quota; what is not
// counted is left out.
type Usage interface {
	All(ctx context.Context, tenant uuid.UUID) (map[string]int64, error)
}

// CurrentTenant is the tenant that requests are about, and what it may have.
type CurrentTenant struct {
	MyTenant
	Quotas []QuotaUse `json:"quotas" doc:"Of what it may have how much."`
}

// QuotaUse is one quota.
type QuotaUse struct {
	Name  string `json:"name" doc:"Name of the quota." example:"members"`
	Title string `json:"title" doc:"What it bounds, for people." example:"Members"`
	Limit int64  `json:"limit" doc:"The most that the tenant may have." example:"25"`
	Used  *int64 `json:"used,omitempty" doc:"What it has; absent if that is not counted. Of sockets: what is open now. Of requests_per_minute: what of a minute's worth is used up and comes back evenly; absent for callers who do not use it, such as the operator." example:"7"`

	Enforced bool `json:"enforced" doc:"Whether more is refused. Quotas of what tenants cannot have yet can be set, and will count once they can." example:"true"`
}

// currentTenant describes the tenant that a request is about.
func (s *server) currentTenant(ctx context.Context, id uuid.UUID) (CurrentTenant, error) {
	mine, err := s.myTenant(ctx, id)
	current := CurrentTenant{MyTenant: mine, Quotas: []QuotaUse{}}
	if err != nil || id == eventstore.SystemTenant {
		return current, err
	}
	details, err := s.Tenants.Details(ctx, id)
	if err != nil {
		return current, err
	}
	used, err := s.Usage.All(ctx, id)
	if err != nil {
		return current, err
	}
	used[tenant.QuotaSockets] = int64(s.Feeds.Connections(ctx, id))
	if spent := middleware.From(ctx).Spent; spent > 0 {
		used[tenant.QuotaRequests] = int64(spent)
	}
	for _, q := range tenant.AllQuotas() {
		shown := QuotaUse{Name: q.Name, Title: q.Title, Limit: details.Quotas.Of(q.Name), Enforced: q.Enforced}
		if n, counted := used[q.Name]; counted {
			shown.Used = &n
		}
		current.Quotas = append(current.Quotas, shown)
	}
	return current, nil
}
