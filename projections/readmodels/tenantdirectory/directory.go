package tenantdirectory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// ErrNotFound: there is no tenant of that id or slug.
var ErrNotFound = errors.New("there is no such tenant")

// Tenant is a row of the directory. Its JSON is that of the API.
type Tenant struct {
	ID        uuid.UUID       `json:"id"`
	Slug      string          `json:"slug"`
	Name      string          `json:"name"`
	Status    string          `json:"status"`
	Settings  json.RawMessage `json:"settings"` // an object
	Version   int64           `json:"version"`  // of the tenant's stream
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// Directory answers queries. Safe for concurrent use.
type Directory struct{ queries *db.Queries }

// NewDirectory returns the directory in a database.
func NewDirectory(tx db.DBTX) *Directory { return &Directory{db.New(tx)} }

// Get finds a tenant by id or slug. No slug looks like an id.
func (d *Directory) Get(ctx context.Context, idOrSlug string) (Tenant, error) {
	if !page.Storable(idOrSlug) {
		return Tenant{}, ErrNotFound
	}
	var row db.TenantDirectory
	id, err := uuid.Parse(idOrSlug)
	if err == nil {
		row, err = d.queries.TenantByID(ctx, db.TenantByIDParams{TenantID: eventstore.SystemTenant, ID: id})
	} else {
		row, err = d.queries.TenantBySlug(ctx, db.TenantBySlugParams{TenantID: eventstore.SystemTenant, Slug: idOrSlug})
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return Tenant{}, ErrNotFound
	}
	if err != nil {
		return Tenant{}, fmt.Errorf("tenant directory: %w", err)
	}
	return fromRow(row), nil
}

// Details are what is known of a tenant besides its row in lists.
type Details struct {
	Quotas       tenant.Quotas // nil: nobody has set any
	Provisioning tenant.Provisioning
}

// undefinedTable is PostgreSQL's code for rows that an older release has filled,
// which serve until this one's are.
const undefinedTable = "42P01"

// Details returns those of a tenant, empty ones if there is no such tenant.
func (d *Directory) Details(ctx context.Context, id uuid.UUID) (found Details, err error) {
	row, err := d.queries.TenantDetails(ctx, db.TenantDetailsParams{TenantID: eventstore.SystemTenant, ID: id})
	if unknown := (*pgconn.PgError)(nil); errors.Is(err, pgx.ErrNoRows) || errors.As(err, &unknown) && unknown.Code == undefinedTable {
		return found, nil
	}
	if err == nil {
		err = errors.Join(json.Unmarshal(row.Quotas, &found.Quotas), json.Unmarshal(row.Provisioning, &found.Provisioning))
	}
	if err != nil {
		err = fmt.Errorf("tenant directory: %w", err)
	}
	return found, err
}

// Filter selects tenants; empty fields select all.
type Filter struct {
	Status string
	Slug   string // exactly
	Name   string // contained in the name, in any case
}

func (f Filter) params() (status, slug, name *string, err error) {
	status, err1 := page.Filter(f.Status)
	slug, err2 := page.Filter(f.Slug)
	name, err3 := page.Filter(f.Name)
	if name != nil {
		*name = "%" + likeEscaper.Replace(*name) + "%"
	}
	return status, slug, name, errors.Join(err1, err2, err3)
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Count returns how many tenants a filter selects.
func (d *Directory) Count(ctx context.Context, f Filter) (int64, error) {
	status, slug, name, err := f.params()
	if err != nil {
		return 0, err
	}
	n, err := d.queries.CountTenants(ctx, db.CountTenantsParams{TenantID: eventstore.SystemTenant, Status: status, Slug: slug, NamePattern: name})
	if err != nil {
		return 0, fmt.Errorf("tenant directory: %w", err)
	}
	return n, nil
}

func fromRow(r db.TenantDirectory) Tenant {
	return Tenant{
		ID: r.ID, Slug: r.Slug, Name: r.Name, Status: r.Status, Settings: r.Settings,
		Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}
