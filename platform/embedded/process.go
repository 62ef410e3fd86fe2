package embedded

import (
	"context"
	"syscall"
	"time"

	"tansu.cloud/platform/child"
)

// process is the server, which this package ends ever more firmly.
type process struct{ *child.Process }

// PostgreSQL's signals for its postmaster.
const (
	fastShutdown      = syscall.SIGINT  // cut sessions, write a checkpoint, end
	immediateShutdown = syscall.SIGQUIT // end at once, recover at the next start
)

const immediateTimeout = 5 * time.Second

// stop ends the server ever more firmly: fast until ctx ends, then immediate,
// then by SIGKILL. It always returns with the process gone.
func (p *process) stop(ctx context.Context) error {
	if err := p.Signal(fastShutdown); err != nil {
		return err
	}
	select {
	case <-p.Done():
		return nil
	case <-ctx.Done():
	}
	if err := p.Signal(immediateShutdown); err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-time.After(immediateTimeout):
		p.kill()
		<-p.Done()
	}
	return ctx.Err()
}

// kill ends the postmaster alone, as a crash of it would; its children notice.
func (p *process) kill() { _ = p.Signal(syscall.SIGKILL) }
