package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	gopsutil "github.com/shirou/gopsutil/v4/process"
)

// stopLeftovers ends the server of an earlier process that was killed on this
// folder, and clears what it left. The folder's lock is held, so nobody else
// uses that server. socketDir, if not empty, is kept for the next one.
func stopLeftovers(ctx context.Context, l layout, socketDir string, logger *slog.Logger) error {
	pids, err := leftovers(ctx, l)
	if err != nil {
		return err
	}
	pidFile, err := l.readPidFile()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(pids) > 0 {
		logger.WarnContext(ctx, "ending what an earlier PostgreSQL left behind", "folder", l.data, "pids", pids)
		if err := endLeftovers(ctx, l, pidFile.pid); err != nil {
			return err
		}
	}
	if err := l.clearSocket(l.run); err != nil {
		return err
	}
	clearOld := l.removeSocketDir
	if pidFile.socketDir == socketDir {
		clearOld = l.clearSocket
	}
	if err := clearOld(pidFile.socketDir); err != nil {
		return err
	}
	return l.removeUselessPidFile()
}

// endLeftovers goes from the orderly to the certain.
func endLeftovers(ctx context.Context, l layout, postmaster int) error {
	for _, step := range []struct {
		signal  syscall.Signal
		timeout time.Duration
	}{
		{fastShutdown, 20 * time.Second},
		{immediateShutdown, immediateTimeout},
		{syscall.SIGKILL, killTimeout},
	} {
		pids, err := leftovers(ctx, l)
		if err != nil {
			return err
		}
		if step.signal == fastShutdown && slices.Contains(pids, postmaster) {
			pids = []int{postmaster} // it ends its children itself
		}
		signalAll(pids, step.signal)
		gone, err := awaitNoLeftovers(ctx, l, step.timeout)
		if err != nil || gone {
			return err
		}
	}
	return fmt.Errorf("the PostgreSQL that an earlier process left behind on %s does not end", l.data)
}

func killLeftovers(ctx context.Context, l layout) error {
	for {
		pids, err := leftovers(ctx, l)
		if err != nil || len(pids) == 0 {
			return err
		}
		signalAll(pids, syscall.SIGKILL)
		if _, err := awaitNoLeftovers(ctx, l, time.Second); err != nil {
			return err
		}
	}
}

func signalAll(pids []int, signal syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal) // it may have ended by itself
	}
}

// awaitNoLeftovers polls: processes that are not our children give no signal.
func awaitNoLeftovers(ctx context.Context, l layout, timeout time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errStillThere)
	defer cancel()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		pids, err := leftovers(ctx, l)
		if err == nil && len(pids) == 0 {
			return true, nil
		}
		select {
		case <-ctx.Done():
			if context.Cause(ctx) == errStillThere {
				return false, nil
			}
			return false, ctx.Err()
		case <-poll.C:
		}
	}
}

var errStillThere = errors.New("processes are still there")

// leftovers lists the processes of a PostgreSQL on this folder, recognized by
// name and working folder. A pid alone proves nothing: it may have been reused.
func leftovers(ctx context.Context, l layout) ([]int, error) {
	all, err := gopsutil.ProcessesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, p := range all {
		if name, err := p.NameWithContext(ctx); err != nil || name != "postgres" {
			continue
		}
		cwd, err := p.CwdWithContext(ctx)
		if err != nil || (cwd != l.data && cwd != l.initial) {
			continue
		}
		pids = append(pids, int(p.Pid))
	}
	return pids, nil
}

// pidFile is what a PostgreSQL notes about itself in postmaster.pid. It is zero
// if the file holds nothing of use.
type pidFile struct {
	pid       int
	socketDir string
}

func (l layout) readPidFile() (pidFile, error) {
	content, err := os.ReadFile(filepath.Join(l.data, "postmaster.pid"))
	if err != nil {
		return pidFile{}, err
	}
	var f pidFile
	lines := strings.Split(string(content), "\n")
	if f.pid, err = strconv.Atoi(strings.TrimSpace(lines[0])); err != nil {
		return pidFile{}, nil
	}
	if len(lines) > 4 {
		f.socketDir = lines[4]
		if f.socketDir != "" && !filepath.IsAbs(f.socketDir) {
			f.socketDir = filepath.Join(l.data, f.socketDir)
		}
	}
	return f, nil
}

// removeUselessPidFile removes a pid file that PostgreSQL would take for a
// running server and refuse to start: an empty one, which a crash may leave, or
// one whose pid now belongs to some other program. Any other it handles itself.
func (l layout) removeUselessPidFile() error {
	f, err := l.readPidFile()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.pid != 0 && errors.Is(syscall.Kill(f.pid, 0), syscall.ESRCH) {
		return nil
	}
	if err := os.Remove(filepath.Join(l.data, "postmaster.pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
