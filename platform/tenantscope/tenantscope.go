// Package tenantscope says in a context on behalf of which tenant something is
// read. The interface puts the tenant there that it has decided a request is
// about; platform/tenantdb reads it there and sees that tenant's rows only.
package tenantscope

import (
	"context"

	"github.com/google/uuid"
)

type key struct{}

// Within returns a context in which nothing but a tenant's rows can be read. The
// tenant comes from the credential or the route, never from what is asked for:
// else a wrong question would open its own wall.
func Within(ctx context.Context, tenant uuid.UUID) context.Context {
	return context.WithValue(ctx, key{}, tenant)
}

// Tenant returns the tenant of a context, if it has one.
func Tenant(ctx context.Context) (uuid.UUID, bool) {
	tenant, ok := ctx.Value(key{}).(uuid.UUID)
	return tenant, ok
}
