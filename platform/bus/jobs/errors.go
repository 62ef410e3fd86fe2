package jobs

import (
	"errors"
	"time"
)

var (
	// ErrClaimLost: another worker may have the job by now, because this one's
	// lease ran out, or the job is finished.
	ErrClaimLost = errors.New("jobs: the claim on the job is lost")
	// ErrNotFound: the tenant has no such job.
	ErrNotFound = errors.New("jobs: no such job")
)

// Dead wraps a handler's error to say that more attempts are of no use.
func Dead(err error) error { return &deadError{err} }

// After wraps a handler's error to say when the next attempt should be, if there
// is one left.
func After(d time.Duration, err error) error { return &afterError{err, d} }

type deadError struct{ error }

func (e *deadError) Unwrap() error { return e.error }

type afterError struct {
	error
	delay time.Duration
}

func (e *afterError) Unwrap() error { return e.error }
