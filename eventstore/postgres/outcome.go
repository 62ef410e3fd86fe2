package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"tansu.cloud/eventstore"
)

// notSent wraps an error that happened before anything reached the server.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

// errHeadMoved: the optimistic write found another head than it expected.
var errHeadMoved = errors.New("the head has moved")

// headMoved reports whether err is errHeadMoved, or the division by zero with
// which a write for several tenants reports the same.
func headMoved(err error) bool {
	if err == errHeadMoved {
		return true
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "22012"
}

// outcomeUnknown reports whether a transaction that ended with err may have
// been committed: the server did not say that it failed, and something was sent.
func outcomeUnknown(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		// A fatal error ends the session and may come with the commit done.
		return pgErr.Severity == "FATAL" || pgErr.Severity == "PANIC"
	}
	if err == errHeadMoved {
		return false
	}
	_, unsent := errors.AsType[notSent](err)
	return !unsent // not pgconn.SafeToRetry: it says yes after a batch whose answer was lost
}

// transient reports whether trying again later may succeed: the connection or
// the server went away, or another transaction was in the way.
func transient(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true
	}
	switch pgErr.Code {
	case "40001", "40P01", "55P03", "53300", "57014", "23505":
		return true
	}
	return strings.HasPrefix(pgErr.Code, "08") || strings.HasPrefix(pgErr.Code, "57P") || pgErr.Severity == "FATAL"
}

// readFailure tells callers apart what they can do nothing about (the database
// is away) from what is wrong with the read. Contexts that ended stay as they are.
func readFailure(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || !transient(err) {
		return err
	}
	return fmt.Errorf("%w: %w", eventstore.ErrUnavailable, err)
}

// refusal is what a caller gets when the database refused the write for good
// or could not be reached in time.
func refusal(r *request, err error) error {
	if r.inDoubt {
		return fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, err)
	}
	return fmt.Errorf("%w: %w", eventstore.ErrUnavailable, err)
}

// doubt marks the plan's requests after an interrupted commit. The lowest
// position of all attempts counts: a statement that is still on its way can take
// effect as long as the head has not moved, and an attempt that built on flights
// which came to nothing expected its place higher than a later one finds it.
func (p *plan) doubt() {
	for _, pl := range p.placed {
		if !pl.inDoubt || p.old.Position < pl.doubtAfter {
			pl.inDoubt, pl.doubtAfter = true, p.old.Position
		}
	}
}
