package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	socketPort = "5432" // part of the socket's file name; no port is opened
	// maxSocketPath stays under the limits of Linux (108) and macOS (104).
	maxSocketPath   = 100
	socketDirPrefix = "tansu-"
)

// chooseSocketDir returns a folder whose socket has a path that is short
// enough: postgres/run in the data folder, else a private one for temporary
// files.
func (l layout) chooseSocketDir(a *account) (string, error) {
	if len(filepath.Join(l.run, ".s.PGSQL."+socketPort)) < maxSocketPath {
		return l.run, nil
	}
	dir, err := os.MkdirTemp("", socketDirPrefix) // mode 0700
	if err != nil {
		return "", fmt.Errorf("folder for the PostgreSQL socket: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", fmt.Errorf("folder for the PostgreSQL socket: %w", err)
	}
	if path := filepath.Join(dir, ".s.PGSQL."+socketPort); len(path) >= maxSocketPath {
		return "", errors.Join(
			fmt.Errorf("the socket path %s is too long; choose a shorter folder with --data-dir, TANSU_DATA_DIR or TMPDIR", path),
			os.Remove(dir))
	}
	return dir, a.own(dir)
}

// clearSocket removes what a server that has ended may have left in a folder
// that chooseSocketDir returned: its lock would stop the next one as long as the
// dead process has not been reaped.
func (l layout) clearSocket(dir string) error {
	if dir != l.run && !isTemporary(dir) {
		return nil
	}
	for _, name := range []string{".s.PGSQL." + socketPort, ".s.PGSQL." + socketPort + ".lock"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("folder of the PostgreSQL socket: %w", err)
		}
	}
	return nil
}

// removeSocketDir also removes the folder, unless it belongs to the data folder.
func (l layout) removeSocketDir(dir string) error {
	if err := l.clearSocket(dir); err != nil || dir == l.run || !isTemporary(dir) {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder of the PostgreSQL socket: %w", err)
	}
	return nil
}

func isTemporary(dir string) bool { return strings.HasPrefix(filepath.Base(dir), socketDirPrefix) }
