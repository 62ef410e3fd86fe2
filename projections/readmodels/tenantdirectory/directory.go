package tenantdirectory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// ErrNotFound: there is no tenant of that id or slug.
var ErrNotFound = errors.New("there is no such tenant")

// ErrBadQuery: a list query has an unknown sort, or a cursor of another sort.
var ErrBadQuery = errors.New("the list query is not valid")

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
	if !storable(idOrSlug) {
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

func (f Filter) params() (status, slug, name *string) {
	if f.Name != "" {
		pattern := "%" + likeEscaper.Replace(f.Name) + "%"
		name = &pattern
	}
	return optional(f.Status), optional(f.Slug), name
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// storable reports whether PostgreSQL can hold a text at all.
func storable(s string) bool {
	return utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

func (f Filter) check() error {
	if !storable(f.Status) || !storable(f.Slug) || !storable(f.Name) {
		return fmt.Errorf("%w: a filter is not valid UTF-8 or contains a NUL", ErrBadQuery)
	}
	return nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Count returns how many tenants a filter selects.
func (d *Directory) Count(ctx context.Context, f Filter) (int64, error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	p := db.CountTenantsParams{TenantID: eventstore.SystemTenant}
	p.Status, p.Slug, p.NamePattern = f.params()
	n, err := d.queries.CountTenants(ctx, p)
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
