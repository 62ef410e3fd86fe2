// Package bounds is what the edge has to know of a tenant at each request: how
// much it may take, and from which pages it may be used. It comes from the read
// models, is at most half a second old, and costs no query while it is fresh.
package bounds

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// Tenants knows the quotas of tenants.
type Tenants interface {
	Details(ctx context.Context, id uuid.UUID) (tenantdirectory.Details, error)
}

const (
	// fresh is how old an answer may be, as with the rights of a credential.
	fresh = 500 * time.Millisecond
	// most bounds what is kept.
	most = 50_000
	// patience bounds a question; its answer may be awaited by many.
	patience = 5 * time.Second
)

// Table keeps the bounds of the tenants of the last moments. It is safe for
// concurrent use.
type Table struct {
	installation map[string]bool // origins whose pages may use every tenant
	quotas       memory[uuid.UUID, tenant.Quotas]
	origins      memory[uuid.UUID, []string]
	named        memory[string, bool] // whether any tenant may be used from an origin
}

// NewTable returns a table that knows nothing yet but the origins of the
// installation, as browsers send them. It is closed at the end.
func NewTable(installation []string, tenants Tenants, origins Origins) (*Table, error) {
	t := &Table{installation: map[string]bool{}}
	for _, origin := range installation {
		t.installation[origin] = true
	}
	var err1, err2, err3 error
	t.quotas, err1 = newMemory(func(ctx context.Context, id uuid.UUID) (tenant.Quotas, error) {
		details, err := tenants.Details(ctx, id)
		return details.Quotas, err
	})
	t.origins, err2 = newMemory(func(ctx context.Context, id uuid.UUID) ([]string, error) {
		found, err := origins.Origins(tenantscope.Within(ctx, id), id)
		return found.Names, err
	})
	t.named, err3 = newMemory(origins.OriginNamed)
	return t, errors.Join(err1, err2, err3)
}

// Close ends the housekeeping of what is remembered.
func (t *Table) Close() {
	t.quotas.known.StopAllGoroutines()
	t.origins.known.StopAllGoroutines()
	t.named.known.StopAllGoroutines()
}

// Quota returns what a tenant may have of something. The system tenant is not
// bounded: its people must always be able to raise the quotas of others.
func (t *Table) Quota(ctx context.Context, id uuid.UUID, name string) (most int, bounded bool, err error) {
	if id == eventstore.SystemTenant {
		return 0, false, nil
	}
	quotas, err := t.quotas.get(ctx, id)
	return int(quotas.Of(name)), true, err
}

// memory asks once for all who want to know the same, and again when the answer
// is old.
type memory[K comparable, V any] struct {
	known *otter.Cache[K, V]
	ask   otter.LoaderFunc[K, V]
}

func newMemory[K comparable, V any](ask func(context.Context, K) (V, error)) (memory[K, V], error) {
	known, err := otter.New(&otter.Options[K, V]{MaximumSize: most, ExpiryCalculator: otter.ExpiryWriting[K, V](fresh)})
	return memory[K, V]{known, func(ctx context.Context, key K) (V, error) {
		// Others wait for the answer too, so the end of ctx is not heeded.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return ask(ctx, key)
	}}, err
}

func (m memory[K, V]) get(ctx context.Context, key K) (V, error) { return m.known.Get(ctx, key, m.ask) }
