package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"tansu.cloud/platform/child"
)

// Config of a private server.
type Config struct {
	// DataDir holds everything that must survive a restart. Created if missing.
	DataDir string
	// BinDir holds postgres and initdb. Empty: the PATH and the usual folders
	// are searched, and if nothing is found the binaries are downloaded.
	BinDir string
	// CacheDir keeps downloaded binaries.
	CacheDir string
	// Settings override the server settings of this package.
	Settings map[string]string
	Logger   *slog.Logger
}

// Server is a private PostgreSQL, started and owned by this process.
type Server struct {
	layout   layout
	account  *account
	binaries binaries
	password string
	settings map[string]string
	logger   *slog.Logger
	lock     *flock.Flock

	mu        sync.Mutex
	socketDir string
	process   *process
}

// Start takes the data folder, initializes it the first time, and starts the
// server. It returns when the server accepts connections.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	if cfg.DataDir == "" {
		return nil, errors.New("embedded PostgreSQL: the data folder is not set")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{settings: cfg.Settings, logger: cfg.Logger}
	if s.layout, err = newLayout(cfg.DataDir); err != nil {
		return nil, err
	}
	if s.lock, err = lockFolder(s.layout); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.layout.removeSocketDir(s.socketDir), s.lock.Unlock())
		}
	}()
	if s.account, err = chooseAccount(s.layout); err != nil {
		return nil, err
	}
	if err = s.layout.createOwned(s.account); err != nil {
		return nil, err
	}
	if err = stopLeftovers(ctx, s.layout, s.socketDir, s.logger); err != nil {
		return nil, err
	}
	major, err := s.layout.clusterMajor()
	if err != nil {
		return nil, err
	}
	if s.binaries, err = findOrFetch(ctx, cfg, s.account, major); err != nil {
		return nil, err
	}
	if s.password, err = s.layout.loadOrCreatePassword(major == 0); err != nil {
		return nil, err
	}
	if major == 0 {
		s.logger.InfoContext(ctx, "creating the database cluster", "folder", s.layout.data, "postgres", s.binaries.version)
		if err = s.initialize(ctx); err != nil {
			return nil, err
		}
	}
	if err = s.launch(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// DSN names the database tansu on this server. It stays the same over restarts
// of the server within this process.
func (s *Server) DSN() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return dsn(s.socketDir, s.password, databaseName)
}

// Version of the PostgreSQL binaries, such as "15.18".
func (s *Server) Version() string { return s.binaries.version.String() }

// LogFile is where the server's own messages go.
func (s *Server) LogFile() string { return s.layout.log }

// Exited is closed when the server process that runs now has ended, for
// whatever reason. After Restart it is a new channel.
func (s *Server) Exited() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.Done()
}

// Stop ends the server in order: sessions are cut, a checkpoint is written. If
// ctx ends first the server is ended without a checkpoint and recovers at the
// next start. Stop then gives the data folder back. It may be called twice.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.process.stop(ctx)
	return errors.Join(err, s.layout.removeSocketDir(s.socketDir), s.lock.Unlock())
}

// Kill ends every process of the server by SIGKILL, as a crash would. The data
// folder stays taken: Restart or Stop follows.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	s.process.kill()
	if err := killLeftovers(ctx, s.layout); err != nil {
		return err
	}
	<-s.process.Done()
	return nil
}

// Restart starts the server again after it ended, or ends it in order first.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	err := s.process.stop(ctx)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := stopLeftovers(ctx, s.layout, s.socketDir, s.logger); err != nil {
		return err
	}
	return s.launch(ctx)
}

// launch starts the server process and waits until it accepts connections.
func (s *Server) launch(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socketDir == "" {
		dir, err := s.layout.chooseSocketDir(s.account)
		if err != nil {
			return err
		}
		s.socketDir = dir
	}
	logFile, err := s.layout.openLog()
	if err != nil {
		return err
	}
	defer logFile.Close() // the child has its own descriptor
	offset, err := logFile.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("PostgreSQL log %s: %w", s.layout.log, err)
	}
	cmd, release, err := s.serverCommand(logFile)
	if err != nil {
		return err
	}
	defer release()
	started, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.binaries.postgres(), err)
	}
	s.process = &process{started}
	if err := s.awaitReady(ctx, offset); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
		defer cancel()
		return errors.Join(err, s.process.stop(stopCtx))
	}
	return nil
}

const (
	killTimeout = 10 * time.Second
	readyPoll   = 20 * time.Millisecond
	readyNotice = 5 * time.Second
)

// awaitReady polls, because PostgreSQL has no portable signal of readiness.
func (s *Server) awaitReady(ctx context.Context, logOffset int64) error {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	notice := time.NewTicker(readyNotice)
	defer notice.Stop()
	for {
		ready, err := probe(ctx, s.socketDir, s.password)
		if err != nil {
			return err
		}
		if ready {
			return nil
		}
		select {
		case <-s.process.Done():
			return fmt.Errorf("PostgreSQL ended while it was starting (%s):\n%s", s.process.State(), s.layout.logSince(logOffset))
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL did not become ready: %w; see %s", ctx.Err(), s.layout.log)
		case <-notice.C:
			s.logger.InfoContext(ctx, "still waiting for PostgreSQL; after a crash it first replays its journal", "log", s.layout.log)
		case <-poll.C:
		}
	}
}

// Running returns the DSN of the private server that some process runs on
// dataDir, for tools that are started beside it.
func Running(dataDir string) (string, error) {
	if _, err := os.Stat(dataDir); err != nil {
		return "", fmt.Errorf("no private PostgreSQL in the data folder: %w", err)
	}
	l, err := newLayout(dataDir)
	if err != nil {
		return "", err
	}
	pidFile, err := l.readPidFile()
	if err == nil && (pidFile.pid == 0 || errors.Is(syscall.Kill(pidFile.pid, 0), syscall.ESRCH)) {
		err = errors.New("it was not shut down in order")
	}
	if err != nil {
		return "", fmt.Errorf("no private PostgreSQL runs in %s: %w", l.root, err)
	}
	password, err := l.readPassword()
	if err != nil {
		return "", err
	}
	return dsn(pidFile.socketDir, password, databaseName), nil
}
