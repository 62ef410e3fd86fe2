package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// ErrBadQuery: a filter cannot match anything.
var ErrBadQuery = errors.New("the list query is not valid")

// Bounds of one page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// ListQuery selects a page of users, by the time of their registration.
type ListQuery struct {
	Status      string  // empty: all
	NewestFirst bool    // default: oldest first
	After       *Cursor // nil for the first page
	Limit       int     // default DefaultLimit, at most MaxLimit
}

// Cursor is a place between two rows of a list.
type Cursor struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// CursorOf is the place after a user in a list.
func CursorOf(u User) Cursor { return Cursor{u.CreatedAt, u.ID} }

// List returns a page and whether more follows.
func (d *Directory) List(ctx context.Context, q ListQuery) (page []User, more bool, err error) {
	if !storable(q.Status) {
		return nil, false, fmt.Errorf("%w: a filter is not valid UTF-8 or contains a NUL", ErrBadQuery)
	}
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	rows, err := d.rows(ctx, q)
	if err != nil {
		return nil, false, fmt.Errorf("users: %w", err)
	}
	if more = len(rows) > q.Limit; more {
		rows = rows[:q.Limit]
	}
	page = make([]User, len(rows))
	for i, r := range rows {
		if page[i], err = fromRow(r); err != nil {
			return nil, false, err
		}
	}
	return page, more, nil
}

// Places before the first and behind the last row.
var earliest, latest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// rows reads one row more than the page has.
func (d *Directory) rows(ctx context.Context, q ListQuery) ([]db.User, error) {
	p := db.OldestUsersParams{
		TenantID: eventstore.SystemTenant, Status: optional(q.Status), AfterCreatedAt: earliest, MaxRows: int32(q.Limit) + 1,
	}
	if q.NewestFirst {
		p.AfterCreatedAt, p.AfterID = latest, uuid.Max
	}
	if q.After != nil {
		p.AfterCreatedAt, p.AfterID = q.After.CreatedAt, q.After.ID
	}
	if q.NewestFirst {
		return d.queries.NewestUsers(ctx, db.NewestUsersParams(p))
	}
	return d.queries.OldestUsers(ctx, p)
}

// Count returns how many users have a status, or how many there are at all.
func (d *Directory) Count(ctx context.Context, status string) (int64, error) {
	if !storable(status) {
		return 0, fmt.Errorf("%w: a filter is not valid UTF-8 or contains a NUL", ErrBadQuery)
	}
	n, err := d.queries.CountUsers(ctx, db.CountUsersParams{TenantID: eventstore.SystemTenant, Status: optional(status)})
	if err != nil {
		return 0, fmt.Errorf("users: %w", err)
	}
	return n, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// storable reports whether PostgreSQL can hold a text at all.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
