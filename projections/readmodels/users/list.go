package users

import (
	"context"
	"fmt"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// ListQuery selects a page of users, by the time of their registration.
type ListQuery struct {
	Status      string       // empty: all
	NewestFirst bool         // default: oldest first
	After       *page.Cursor // nil for the first page
	Limit       int
}

// Cursor is the place after a user in a list.
func (u User) Cursor() page.Cursor { return page.Cursor{At: u.CreatedAt, ID: u.ID} }

// List returns a page and whether more follows.
func (d *Directory) List(ctx context.Context, q ListQuery) (users []User, more bool, err error) {
	status, err := page.Filter(q.Status)
	if err != nil {
		return nil, false, err
	}
	limit := page.Limit(q.Limit)
	p := db.OldestUsersParams{TenantID: eventstore.SystemTenant, Status: status, MaxRows: int32(limit) + 1}
	var rows []db.User
	if q.NewestFirst {
		from := page.From(q.After, page.Last)
		p.AfterCreatedAt, p.AfterID = from.At, from.ID
		rows, err = d.queries.NewestUsers(ctx, db.NewestUsersParams(p))
	} else {
		from := page.From(q.After, page.First)
		p.AfterCreatedAt, p.AfterID = from.At, from.ID
		rows, err = d.queries.OldestUsers(ctx, p)
	}
	if err != nil {
		return nil, false, fmt.Errorf("users: %w", err)
	}
	rows, more = page.Cut(rows, limit)
	users = make([]User, len(rows))
	for i, r := range rows {
		if users[i], err = fromRow(r); err != nil {
			return nil, false, err
		}
	}
	return users, more, nil
}

// Count returns how many users have a status, or how many there are at all.
func (d *Directory) Count(ctx context.Context, status string) (int64, error) {
	filter, err := page.Filter(status)
	if err != nil {
		return 0, err
	}
	n, err := d.queries.CountUsers(ctx, db.CountUsersParams{TenantID: eventstore.SystemTenant, Status: filter})
	if err != nil {
		return 0, fmt.Errorf("users: %w", err)
	}
	return n, nil
}
