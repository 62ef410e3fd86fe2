// Package child runs servers that this process starts for itself: PostgreSQL for
// tansu dev, and what the tests need. A child has a process group of its own, so
// that Ctrl-C in the terminal reaches this process alone and the server is
// stopped in order; it is not root; and on Linux it ends with this process,
// however that ends.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// Process is a child that has been started and is waited for.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts cmd, which Confine prepared, and waits for it in the background.
//
// On Linux the parent-death signal is bound to the thread that forked, not to
// the process. That thread is therefore kept, by a goroutine locked to it, for
// as long as the child lives.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
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

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// State describes how the child ended; valid once Done is closed.
func (p *Process) State() string { return p.cmd.ProcessState.String() }

// Succeeded reports whether the child ended by itself with exit code 0; valid
// once Done is closed.
func (p *Process) Succeeded() bool { return p.cmd.ProcessState.Success() }

// Signal reaches the child alone. One that has ended is no error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Kill ends the child's whole group by SIGKILL and returns when the child is gone.
func (p *Process) Kill() {
	select {
	case <-p.done: // its number may belong to somebody else by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// Ordinary returns the first of these users that exists.
func Ordinary(names ...string) (*syscall.Credential, error) {
	for _, name := range names {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("none of the users %q exists", names)
}
