package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"tansu.cloud/platform/child"
)

// errMissing says what to do; a test without its server fails.
var errMissing = errors.New("no Redis: run tools/test-deps.sh (make test does), " +
	"or install redis-server, or let TANSU_TEST_REDIS_URL name a server")

const (
	password  = "secret of the tests" // so that every test signs in
	databases = 10_000
)

// Server is a private Redis on a loopback port that keeps nothing. It ends with
// the test binary, however that ends.
type Server struct {
	program, dir, port string
	account            *syscall.Credential // nil: runs as this process

	mu      sync.Mutex // held while the server changes
	process *child.Process
}

// open makes a server and starts it.
func open() (_ *Server, err error) {
	s := &Server{}
	if s.program, err = exec.LookPath("redis-server"); err != nil {
		return nil, errMissing
	}
	parent := ""
	if os.Geteuid() == 0 {
		if s.account, err = child.Ordinary("redis", "nobody"); err != nil {
			return nil, fmt.Errorf("a test server does not run as root: %w", err)
		}
		parent = "/tmp" // a folder that root chose may be closed to the account
	}
	if s.dir, err = os.MkdirTemp(parent, "tansu-redis-"); err != nil {
		return nil, err
	}
	if s.account != nil {
		if err = os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(s.dir))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if s.port, err = child.FreePort(); err == nil {
		err = s.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

// URL names database 0. It stays the same over restarts.
func (s *Server) URL() string { return s.database(0) }

func (s *Server) database(number int) string {
	return fmt.Sprintf("redis://:%s@127.0.0.1:%s/%d", strings.ReplaceAll(password, " ", "%20"), s.port, number)
}

// Start starts the server that was stopped or killed, empty, and returns when it
// accepts connections. One that runs is left alone.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return nil
	}
	cmd := exec.Command(s.program, "--port", s.port, "--bind", "127.0.0.1", "--requirepass", password,
		"--save", "", "--appendonly", "no", "--dir", s.dir, "--databases", strconv.Itoa(databases))
	cmd.Dir = s.dir
	child.Confine(cmd, s.account, syscall.SIGKILL)
	output, outputEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outputEnd.Close() // the server has its own descriptor
	cmd.Stdout, cmd.Stderr = outputEnd, outputEnd
	process, err := child.Start(cmd)
	if err != nil {
		return errors.Join(err, output.Close())
	}
	ready := make(chan struct{})
	said := make(chan string, 1)
	go func() { said <- read(output, ready) }()
	select {
	case <-ready:
		s.process = process
		return nil
	case <-process.Done():
		_ = outputEnd.Close() // ends the reading
		return fmt.Errorf("the server ended while it was starting (%s)\n%s", process.State(), <-said)
	case <-ctx.Done():
		process.Kill()
		return fmt.Errorf("the server did not start: %w", ctx.Err())
	}
}

// read takes the server's output until it ends and returns it if the server
// never became ready.
func read(output io.ReadCloser, ready chan struct{}) string {
	defer output.Close()
	var said strings.Builder
	waiting := true
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if !waiting {
			continue
		}
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			waiting = false
			close(ready)
		}
	}
	return said.String()
}

// Stop ends the server in order.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Kill ends the server by SIGKILL, as a crash would.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

func (s *Server) end(signal os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	if err := s.process.Signal(signal); err != nil {
		return err
	}
	<-s.process.Done()
	s.process = nil
	return nil
}

// Freeze halts the server: connections stay and nothing answers. Thaw goes on.
func (s *Server) Freeze() error { return s.send(syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (s *Server) Thaw() error { return s.send(syscall.SIGCONT) }

func (s *Server) send(signal os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New("the server does not run")
	}
	return s.process.Signal(signal)
}

// close ends the server for good.
func (s *Server) close() error { return errors.Join(s.Kill(), os.RemoveAll(s.dir)) }
