package tenantdirectory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// ListQuery selects a page of tenants.
type ListQuery struct {
	Filter
	// Sort is created_at, name or slug, with a leading "-" for descending order.
	// Default created_at.
	Sort  string
	After *Cursor // nil for the first page
	Limit int
}

// Cursor is a place between two rows of a list.
type Cursor struct {
	Value string // of the field that the list is sorted by
	ID    uuid.UUID
}

// CursorOf is the place after a tenant in the query's list.
func (q ListQuery) CursorOf(t Tenant) Cursor {
	switch q.Sort {
	case "name", "-name":
		return Cursor{t.Name, t.ID}
	case "slug", "-slug":
		return Cursor{t.Slug, t.ID}
	}
	return Cursor{t.CreatedAt.Format(time.RFC3339Nano), t.ID}
}

// lastSlug is behind every slug.
const lastSlug = "\U0010FFFF"

// List returns a page and whether more follows.
func (d *Directory) List(ctx context.Context, q ListQuery) (tenants []Tenant, more bool, err error) {
	q.Limit = page.Limit(q.Limit)
	rows, err := d.rows(ctx, q)
	if errors.Is(err, page.ErrBadQuery) {
		return nil, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("tenant directory: %w", err)
	}
	rows, more = page.Cut(rows, q.Limit)
	tenants = make([]Tenant, len(rows))
	for i, r := range rows {
		tenants[i] = fromRow(r)
	}
	return tenants, more, nil
}

// rows reads one row more than the page has.
func (d *Directory) rows(ctx context.Context, q ListQuery) ([]db.TenantDirectory, error) {
	if q.After != nil && !page.Storable(q.After.Value) {
		return nil, fmt.Errorf("%w: the cursor is malformed", page.ErrBadQuery)
	}
	status, slug, name, err := q.params()
	if err != nil {
		return nil, err
	}
	text := db.TenantsBySlugParams{
		TenantID: eventstore.SystemTenant, Status: status, Slug: slug, NamePattern: name, MaxRows: int32(q.Limit) + 1,
	}
	switch q.Sort {
	case "", "created_at", "-created_at":
		return d.byTime(ctx, q, text)
	case "slug":
		text.AfterValue, text.AfterID = q.after("", uuid.Nil)
		return d.queries.TenantsBySlug(ctx, text)
	case "-slug":
		text.AfterValue, text.AfterID = q.after(lastSlug, uuid.Max)
		return d.queries.TenantsBySlugDesc(ctx, db.TenantsBySlugDescParams(text))
	case "name":
		text.AfterValue, text.AfterID = q.after("", uuid.Nil)
		return d.queries.TenantsByName(ctx, db.TenantsByNameParams(text))
	case "-name":
		p := db.TenantsByNameDescParams{
			TenantID: text.TenantID, Status: status, Slug: slug, NamePattern: name, MaxRows: text.MaxRows, AfterID: uuid.Max,
		}
		if q.After != nil {
			p.AfterValue, p.AfterID = &q.After.Value, q.After.ID
		}
		return d.queries.TenantsByNameDesc(ctx, p)
	}
	return nil, fmt.Errorf("%w: sort must be created_at, name or slug, with a leading - for descending order", page.ErrBadQuery)
}

func (d *Directory) byTime(ctx context.Context, q ListQuery, text db.TenantsBySlugParams) ([]db.TenantDirectory, error) {
	p := db.TenantsByCreatedAtParams{
		TenantID: text.TenantID, Status: text.Status, Slug: text.Slug, NamePattern: text.NamePattern, MaxRows: text.MaxRows,
	}
	descending := q.Sort == "-created_at"
	if p.AfterValue = page.First.At; descending {
		p.AfterValue, p.AfterID = page.Last.At, page.Last.ID
	}
	if q.After != nil {
		at, err := time.Parse(time.RFC3339Nano, q.After.Value)
		if err != nil {
			return nil, fmt.Errorf("%w: the cursor is of a list in another order", page.ErrBadQuery)
		}
		p.AfterValue, p.AfterID = at, q.After.ID
	}
	if descending {
		return d.queries.TenantsByCreatedAtDesc(ctx, db.TenantsByCreatedAtDescParams(p))
	}
	return d.queries.TenantsByCreatedAt(ctx, p)
}

func (q ListQuery) after(value string, id uuid.UUID) (string, uuid.UUID) {
	if q.After != nil {
		return q.After.Value, q.After.ID
	}
	return value, id
}
