// Package page is what lists of read models have in common: how long a page is,
// where it begins, and what a filter may be.
package page

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// ErrBadQuery: nothing can be listed in that way.
var ErrBadQuery = errors.New("the list query is not valid")

// Bounds of one page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Limit returns how long a page is.
func Limit(asked int) int {
	if asked <= 0 {
		return DefaultLimit
	}
	return min(asked, MaxLimit)
}

// Cut makes a page of the rows that were read for it, one more than it may have,
// and says whether more follow.
func Cut[R any](rows []R, limit int) (page []R, more bool) {
	if len(rows) > limit {
		return rows[:limit], true
	}
	return rows, false
}

// Cursor is a place between two rows of a list in order of time: when the one
// before came to be, and its id.
type Cursor struct {
	At time.Time
	ID uuid.UUID
}

// Places before the first and behind the last row of a list.
var (
	First = Cursor{At: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)}
	Last  = Cursor{At: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), ID: uuid.Max}
)

// From returns the place after which a page begins: that of its query, or the
// start of the list.
func From(after *Cursor, start Cursor) Cursor {
	if after != nil {
		return *after
	}
	return start
}

// Filter returns what a column must be equal to; nil: anything.
func Filter(value string) (*string, error) {
	if !Storable(value) {
		return nil, fmt.Errorf("%w: a filter is not valid UTF-8 or contains a NUL", ErrBadQuery)
	}
	if value == "" {
		return nil, nil
	}
	return &value, nil
}

// Storable reports whether PostgreSQL can hold a text at all.
func Storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
