package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

// layout of the data folder; see the package comment.
type layout struct {
	root, lock, log, password string
	owned, data, initial, run string
}

func newLayout(dataDir string) (layout, error) {
	root, err := filepath.Abs(dataDir)
	if err != nil {
		return layout{}, fmt.Errorf("data folder %s: %w", dataDir, err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return layout{}, fmt.Errorf("data folder: %w; choose another with --data-dir or TANSU_DATA_DIR", err)
	}
	// The folder's one true name: processes are recognized by it.
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return layout{}, fmt.Errorf("data folder %s: %w", dataDir, err)
	}
	owned := filepath.Join(root, "postgres")
	return layout{
		root:     root,
		lock:     filepath.Join(root, "tansu.lock"),
		log:      filepath.Join(root, "postgres.log"),
		password: filepath.Join(root, "postgres.password"),
		owned:    owned,
		data:     filepath.Join(owned, "data"),
		initial:  filepath.Join(owned, "data.new"),
		run:      filepath.Join(owned, "run"),
	}, nil
}

// lockFolder refuses a second process on the folder. The lock is the kernel's,
// so it ends with its holder however that dies; the pid is for the message.
func lockFolder(l layout) (*flock.Flock, error) {
	lock := flock.New(l.lock, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	taken, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cannot use the data folder %s: %w; choose another with --data-dir or TANSU_DATA_DIR", l.root, err)
	}
	if !taken {
		return nil, &InUseError{DataDir: l.root, PID: l.lockHolder()}
	}
	if err := os.WriteFile(l.lock, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("data folder %s: %w", l.root, err), lock.Unlock())
	}
	return lock, nil
}

// InUse returns who holds a data folder, or nil. It tries the lock only when the
// noted holder is alive, to be in nobody's way.
func InUse(dataDir string) *InUseError {
	if _, err := os.Stat(dataDir); err != nil {
		return nil
	}
	l, err := newLayout(dataDir)
	if err != nil {
		return nil
	}
	if pid := l.lockHolder(); pid == 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil
	}
	lock := flock.New(l.lock)
	if taken, err := lock.TryLock(); err != nil || taken {
		_ = lock.Unlock()
		return nil
	}
	return &InUseError{DataDir: l.root, PID: l.lockHolder()}
}

// InUseError: another process holds the data folder.
type InUseError struct {
	DataDir string
	PID     int // 0 if the holder has not written it yet
}

func (e *InUseError) Error() string {
	holder := "another tansu"
	if e.PID != 0 {
		holder = fmt.Sprintf("another tansu (process %d)", e.PID)
	}
	return fmt.Sprintf("the data folder %s is in use by %s; stop it, or choose another folder with --data-dir or TANSU_DATA_DIR", e.DataDir, holder)
}

func (l layout) lockHolder() int {
	content, err := os.ReadFile(l.lock)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0
	}
	return pid
}

// createOwned makes the folders that PostgreSQL's account writes to. Only what
// this process creates changes hands, so nobody's files are given away.
func (l layout) createOwned(a *account) error {
	for _, dir := range []string{l.owned, l.run} {
		err := os.Mkdir(dir, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
		if err := a.own(dir); err != nil {
			return err
		}
	}
	return nil
}

// clusterMajor is the PostgreSQL major version of the cluster in the folder,
// or 0 if there is none yet.
func (l layout) clusterMajor() (int, error) {
	file := filepath.Join(l.data, "PG_VERSION")
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("data folder: %w; start tansu as the user that created it", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("%s does not contain a PostgreSQL version: %w", file, err)
	}
	return major, nil
}

func (l layout) readPassword() (string, error) {
	content, err := os.ReadFile(l.password)
	if err != nil {
		return "", fmt.Errorf("password of the private PostgreSQL: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// loadOrCreatePassword makes a new password only while there is no cluster: it
// is written before the cluster is created, so the two never disagree.
func (l layout) loadOrCreatePassword(fresh bool) (string, error) {
	if !fresh {
		return l.readPassword()
	}
	password := rand.Text()
	if err := os.WriteFile(l.password, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("password of the private PostgreSQL: %w", err)
	}
	return password, nil
}

const maxLogSize = 16 << 20

// openLog appends to the log and keeps one older file, so that both together
// stay bounded over restarts.
func (l layout) openLog() (*os.File, error) {
	if info, err := os.Stat(l.log); err == nil && info.Size() > maxLogSize {
		if err := os.Rename(l.log, l.log+".1"); err != nil {
			return nil, fmt.Errorf("PostgreSQL log: %w", err)
		}
	}
	file, err := os.OpenFile(l.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL log: %w", err)
	}
	return file, nil
}

// logSince returns what the server has printed since offset, cut to its end.
func (l layout) logSince(offset int64) string {
	const most = 4 << 10
	file, err := os.Open(l.log)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size()-offset > most {
		offset = info.Size() - most
	}
	content, err := io.ReadAll(io.NewSectionReader(file, offset, most))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content))
}
