package access

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// ErrNotFound: the tenant has no such member, role, invite, key or account.
var ErrNotFound = errors.New("the tenant has nothing of that id")

// Directory answers queries. Safe for concurrent use.
type Directory struct{ queries *db.Queries }

// NewDirectory returns who may do what, from a database.
func NewDirectory(tx db.DBTX) *Directory { return &Directory{db.New(tx)} }

// Page is a part of a list.
type Page struct {
	Status    string       // empty: all; members have none
	CreatedBy string       // an actor; empty: all; members have none
	After     *page.Cursor // nil for the first page
	Limit     int
}

// from returns the place to go on from, and how many rows to read: one more than
// the page has.
func (p Page) from(start page.Cursor) (page.Cursor, int32) {
	return page.From(p.After, start), int32(page.Limit(p.Limit)) + 1
}

// filters are the parameters of a query that select by status and maker.
func (p Page) filters() (status, createdBy *string, err error) {
	if status, err = page.Filter(p.Status); err == nil {
		createdBy, err = page.Filter(p.CreatedBy)
	}
	return status, createdBy, err
}

// cut makes a page of the rows that were read for it.
func cut[R, T any](p Page, rows []R, convert func(R) (T, error)) (list []T, more bool, err error) {
	rows, more = page.Cut(rows, page.Limit(p.Limit))
	list, err = convertAll(rows, convert)
	return list, more, err
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
