// Package usage counts what a tenant has of what its quotas bound, in the read
// models that hold it.
package usage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/sql/db"
)

// Counter counts. Safe for concurrent use.
type Counter struct{ queries *db.Queries }

// NewCounter counts in a database.
func NewCounter(tx db.DBTX) *Counter { return &Counter{db.New(tx)} }

type count func(ctx context.Context, q *db.Queries, tenant uuid.UUID) (int64, error)

var counts = map[string]count{
	tenant.QuotaMembers: func(ctx context.Context, q *db.Queries, tenant uuid.UUID) (int64, error) {
		return q.UsageOfMembers(ctx, tenant)
	},
	tenant.QuotaInvites: func(ctx context.Context, q *db.Queries, tenant uuid.UUID) (int64, error) {
		return q.UsageOfInvites(ctx, db.UsageOfInvitesParams{TenantID: tenant, Now: time.Now()})
	},
	tenant.QuotaAPIKeys: func(ctx context.Context, q *db.Queries, tenant uuid.UUID) (int64, error) {
		return q.UsageOfAPIKeys(ctx, db.UsageOfAPIKeysParams{TenantID: tenant, Now: time.Now()})
	},
	tenant.QuotaServiceAccounts: func(ctx context.Context, q *db.Queries, tenant uuid.UUID) (int64, error) {
		return q.UsageOfServiceAccounts(ctx, tenant)
	},
	tenant.QuotaWebhooks: func(ctx context.Context, q *db.Queries, tenant uuid.UUID) (int64, error) {
		return q.UsageOfWebhooks(ctx, tenant)
	},
}

// Of counts what one quota bounds; nothing is used of what is not counted.
func (c *Counter) Of(ctx context.Context, tenant uuid.UUID, quota string) (int64, error) {
	count, counted := counts[quota]
	if !counted {
		return 0, nil
	}
	n, err := count(ctx, c.queries, tenant)
	if err != nil {
		err = fmt.Errorf("usage of %s: %w", quota, err)
	}
	return n, err
}

// All counts what all quotas bound; those that are not counted are left out.
func (c *Counter) All(ctx context.Context, tenant uuid.UUID) (map[string]int64, error) {
	all := map[string]int64{}
	for quota := range counts {
		n, err := c.Of(ctx, tenant, quota)
		if err != nil {
			return nil, err
		}
		all[quota] = n
	}
	return all, nil
}
