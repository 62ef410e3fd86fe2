package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// ErrNotFound: the tenant has no such member, role, invite, key or account.
var ErrNotFound = errors.New("the tenant has nothing of that id")

// ErrBadQuery: a filter cannot match anything.
var ErrBadQuery = errors.New("the list query is not valid")

// Bounds of one page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Directory answers queries. Safe for concurrent use.
type Directory struct{ queries *db.Queries }

// NewDirectory returns who may do what, from a database.
func NewDirectory(tx db.DBTX) *Directory { return &Directory{db.New(tx)} }

// Page is a part of a list.
type Page struct {
	Status string  // empty: all; members have none
	After  *Cursor // nil for the first page
	Limit  int     // default DefaultLimit, at most MaxLimit
}

// Cursor is a place between two rows of a list: when the one before came to be,
// and its id.
type Cursor struct {
	At time.Time
	ID uuid.UUID
}

// Places before the first and behind the last row.
var (
	first = Cursor{At: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)}
	last  = Cursor{At: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), ID: uuid.Max}
)

// from returns the place to go on from, and how many rows to read: one more than
// the page has.
func (p Page) from(start Cursor) (Cursor, int32) {
	if p.After != nil {
		start = *p.After
	}
	return start, int32(p.limit()) + 1
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return DefaultLimit
	}
	return min(p.Limit, MaxLimit)
}

func (p Page) status() (*string, error) {
	if !storable(p.Status) {
		return nil, fmt.Errorf("%w: a filter is not valid UTF-8 or contains a NUL", ErrBadQuery)
	}
	if p.Status == "" {
		return nil, nil
	}
	return &p.Status, nil
}

// storable reports whether PostgreSQL can hold a text at all.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// cut makes a page of the rows that were read for it.
func cut[R, T any](p Page, rows []R, convert func(R) (T, error)) (page []T, more bool, err error) {
	if more = len(rows) > p.limit(); more {
		rows = rows[:p.limit()]
	}
	page, err = convertAll(rows, convert)
	return page, more, err
}

func convertAll[R, T any](rows []R, convert func(R) (T, error)) ([]T, error) {
	list := make([]T, len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = convert(row); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// one converts the only row of a query.
func one[R, T any](row R, err error, convert func(R) (T, error)) (T, error) {
	if err == nil {
		return convert(row)
	}
	var none T
	if errors.Is(err, pgx.ErrNoRows) {
		return none, ErrNotFound
	}
	return none, fmt.Errorf("access: %w", err)
}

// names reads a list of roles or permissions.
func names(stored json.RawMessage) (list []string, err error) {
	if err := json.Unmarshal(stored, &list); err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	return list, nil
}
