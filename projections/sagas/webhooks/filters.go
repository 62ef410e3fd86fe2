package webhooks

import (
	"log/slog"
	"sync"

	"tansu.cloud/domain/filter"
	"tansu.cloud/projections/feeds"
)

// filters keeps expressions that were parsed. Safe for concurrent use.
type filters struct {
	logger *slog.Logger
	mu     sync.Mutex
	parsed map[string]*filter.Expr // nil: it cannot be parsed
}

// maxFilters bounds the memory; twenty tenants with all their webhooks fit.
const maxFilters = 1_000

// match evaluates a filter. One that cannot be parsed any more selects nothing:
// it must not hold up the other webhooks.
func (f *filters) match(text string, e *feeds.Entry) bool {
	expr := f.parse(text)
	return expr != nil && expr.Match(e.Field)
}

func (f *filters) parse(text string) *filter.Expr {
	f.mu.Lock()
	defer f.mu.Unlock()
	if expr, known := f.parsed[text]; known {
		return expr
	}
	if f.parsed == nil || len(f.parsed) >= maxFilters {
		f.parsed = map[string]*filter.Expr{}
	}
	expr, err := feeds.ParseFilter(text)
	if err != nil {
		f.logger.Error("webhooks: a stored filter cannot be read and selects nothing; its webhook must be changed", "error", err)
		expr = nil
	}
	f.parsed[text] = expr
	return expr
}
