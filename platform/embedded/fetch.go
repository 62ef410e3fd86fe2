package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// fetchable versions of PostgreSQL by major version.
var fetchable = map[int]embeddedpostgres.PostgresVersion{
	15: embeddedpostgres.V15,
	16: embeddedpostgres.V16,
	17: embeddedpostgres.V17,
	18: embeddedpostgres.V18,
}

const fetchMajor = 17

type fetchConfig struct {
	cacheDir   string
	major      int    // 0: fetchMajor
	repository string // empty: the library's
	logger     *slog.Logger
}

// fetch returns downloaded binaries from the cache folder, where it puts them
// the first time.
func fetch(ctx context.Context, cfg fetchConfig, a *account) (binaries, error) {
	if cfg.cacheDir == "" {
		return binaries{}, errors.New("no cache folder is set")
	}
	if cfg.major == 0 {
		cfg.major = fetchMajor
	}
	v, ok := fetchable[cfg.major]
	if !ok {
		return binaries{}, fmt.Errorf("there are no binaries of PostgreSQL %d to download", cfg.major)
	}
	target := filepath.Join(cfg.cacheDir, "postgres-"+string(v))
	if b, err := inspect(ctx, filepath.Join(target, "bin"), a); err == nil {
		return b, nil
	}
	cfg.logger.InfoContext(ctx, "downloading PostgreSQL, this once", "version", string(v), "folder", target)
	done := make(chan error, 1)
	go func() { done <- download(cfg, v, target) }() // the library takes no context
	select {
	case err := <-done:
		if err != nil {
			return binaries{}, err
		}
	case <-ctx.Done():
		return binaries{}, ctx.Err()
	}
	return inspect(ctx, filepath.Join(target, "bin"), a)
}

// download unpacks the binaries beside target and moves them there when they
// are complete.
func download(cfg fetchConfig, v embeddedpostgres.PostgresVersion, target string) error {
	if err := os.MkdirAll(cfg.cacheDir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cfg.cacheDir, "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	unpacked := filepath.Join(work, "postgres")
	library := embeddedpostgres.DefaultConfig().Version(v).
		CachePath(work).BinariesPath(unpacked).RuntimePath(filepath.Join(work, "run")).
		// The library only knows to download and start in one go. A data folder
		// that cannot exist ends it after the download.
		DataPath(filepath.Join(os.DevNull, "none")).Port(0).Logger(io.Discard)
	if cfg.repository != "" {
		library = library.BinaryRepositoryURL(cfg.repository)
	}
	startErr := embeddedpostgres.NewDatabase(library).Start()
	if _, err := os.Stat(filepath.Join(unpacked, "bin", "postgres")); err != nil {
		return errors.Join(startErr, err)
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(unpacked, target)
}
