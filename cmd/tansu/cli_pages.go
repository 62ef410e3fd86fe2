package main

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/pflag"
)

const (
	pageSize     = 200 // most that the server gives at once
	defaultLimit = 50
)

// listFlags are shared by everything that comes in pages.
type listFlags struct {
	limit int
	all   bool
}

func (l *listFlags) add(f *pflag.FlagSet) {
	f.IntVar(&l.limit, "limit", defaultLimit, "how many at most")
	f.BoolVar(&l.all, "all", false, "all of them, however many")
}

// list prints a paged resource.
func list[T any](ctx context.Context, s *session, path string, query url.Values, l listFlags, cols []column[T]) error {
	if l.limit < 1 && !l.all {
		return usagef("--limit %d is too small; use 1 or more, or --all", l.limit)
	}
	shown, more := 0, false
	for p, err := range pages[T](ctx, s.client, path, query, l) {
		if err != nil {
			return err
		}
		more = p.NextCursor != ""
		if !l.all && shown+len(p.Items) > l.limit {
			p.Items, more = p.Items[:l.limit-shown], true
		}
		shown += len(p.Items)
		if err := printItems(s.out, cols, p.Items); err != nil {
			return err
		}
		if !l.all && shown == l.limit {
			break
		}
	}
	if err := s.out.end(); err != nil {
		return err
	}
	switch {
	case more:
		s.note("There are more; use --all or a higher --limit.")
	case shown == 0:
		s.note("Nothing found.")
	}
	return nil
}

// listAll prints a resource that comes as a whole.
func listAll[T any](ctx context.Context, s *session, path string, query url.Values, cols []column[T]) error {
	p, err := decode[page[T]](s.do(ctx, call{method: http.MethodGet, path: path, query: query}))
	if err != nil {
		return err
	}
	if err := printItems(s.out, cols, p.Items); err != nil {
		return err
	}
	if len(p.Items) == 0 {
		s.note("Nothing found.")
	}
	return s.out.end()
}

// show prints one resource.
func show[T any](ctx context.Context, s *session, path string, query url.Values, fields []column[T]) error {
	it, err := decode[item[T]](s.do(ctx, call{method: http.MethodGet, path: path, query: query}))
	if err != nil {
		return err
	}
	return printItem(s.out, fields, it)
}

// pages walks through a paged resource. A page may be empty although others
// follow. Pages of very large items are asked for again in smaller parts.
func pages[T any](ctx context.Context, c *client, path string, query url.Values, l listFlags) iter.Seq2[page[T], error] {
	return func(yield func(page[T], error) bool) {
		size := pageSize
		if !l.all {
			size = min(size, l.limit)
		}
		query.Set("limit", strconv.Itoa(size))
		for {
			a, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query})
			if errors.Is(err, errTooLarge) && size > 1 {
				size /= 2
				query.Set("limit", strconv.Itoa(size))
				continue
			}
			p, err := decode[page[T]](a, err)
			if !yield(p, err) || err != nil || p.NextCursor == "" {
				return
			}
			query.Set("cursor", p.NextCursor)
		}
	}
}

// set adds the parameters that have a value.
func set(q url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}
