package projections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

var (
	// errStale: the checkpoint is not where it was thought to be, or a newer
	// lease has written it. Nothing was changed; it has to be read again.
	errStale = errors.New("the checkpoint was moved by another process")
	// errLeaseLost: another process may run the projection now.
	errLeaseLost = errors.New("the lease of the projection was lost")
	// errStopping ends a wait early; nothing was changed.
	errStopping = errors.New("the projection is stopping")
)

// applyError is an error that events cause: decoding them or applying them
// fails while the infrastructure works. Only these park a stream.
type applyError struct{ err error }

func (e *applyError) Error() string { return e.err.Error() }
func (e *applyError) Unwrap() error { return e.err }

// infrastructure reports whether an error says something about the database or
// the process rather than about an event; such errors are retried for ever.
func infrastructure(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, eventstore.ErrUnavailable) || errors.Is(err, eventstore.ErrOutcomeUnknown) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	if connect := (*pgconn.ConnectError)(nil); errors.As(err, &connect) {
		return true
	}
	if network := (net.Error)(nil); errors.As(err, &network) {
		return true
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return true
	}
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return infrastructureState(pg.Code)
	}
	return false
}

func infrastructureState(code string) bool {
	switch code {
	case "40001", "40P01", // serialization, deadlock
		"55P03", // lock_timeout
		"25P03", // this process stood still for too long in a transaction
		"25006": // read-only: a fail-over is under way
		return true
	}
	for _, class := range []string{
		"08",  // connection
		"53",  // out of disk, memory or connections
		"57P", // shutdown, crash, starting up
		"58",  // IO errors of the server
	} {
		if len(code) == 5 && code[:len(class)] == class {
			return true
		}
	}
	return false
}

// blocking reports whether an error stays until someone does something about it.
func blocking(err error) bool {
	return errors.As(err, new(*eventstore.CorruptLog)) || errors.As(err, new(*domain.Error)) ||
		errors.As(err, new(*newerVersion))
}

// newerVersion: the rows were built by a later release of the program.
type newerVersion struct{ built, known int }

func (e *newerVersion) Error() string {
	return fmt.Sprintf("the read model was built by version %d of the projection and this program knows version %d; run the newer release", e.built, e.known)
}
