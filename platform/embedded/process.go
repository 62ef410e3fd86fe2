package embedded

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that has been started and is waited for.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended
}

// spawn starts cmd and waits for it in the background.
//
// On Linux the parent-death signal is bound to the thread that forked, not to
// the process. That thread is therefore kept, by a goroutine locked to it, for
// as long as the child lives.
func spawn(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // how it ended stands in cmd.ProcessState
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// state describes how the process ended; valid once done is closed.
func (p *process) state() string { return p.cmd.ProcessState.String() }

// PostgreSQL's signals for its postmaster.
const (
	fastShutdown      = syscall.SIGINT  // cut sessions, write a checkpoint, end
	immediateShutdown = syscall.SIGQUIT // end at once, recover at the next start
)

const immediateTimeout = 5 * time.Second

// stop ends the server ever more firmly: fast until ctx ends, then immediate,
// then by SIGKILL. It always returns with the process gone.
func (p *process) stop(ctx context.Context) error {
	if err := p.signal(fastShutdown); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	if err := p.signal(immediateShutdown); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(immediateTimeout):
		p.kill()
		<-p.done
	}
	return ctx.Err()
}

func (p *process) kill() { _ = p.signal(syscall.SIGKILL) }

func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
