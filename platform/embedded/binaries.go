package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"tansu.cloud/platform/child"
)

const minMajor = 15

// version of PostgreSQL: major and minor.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// binaries is a folder that holds postgres and initdb of one version.
type binaries struct {
	dir     string
	version version
}

func (b binaries) postgres() string { return filepath.Join(b.dir, "postgres") }
func (b binaries) initdb() string   { return filepath.Join(b.dir, "initdb") }

// usualFolders are where packages put the server's programs, which
// distributions keep off the PATH.
var usualFolders = []string{
	"/usr/lib/postgresql/*/bin",                               // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                        // PostgreSQL's own packages for RedHat
	"/usr/libexec/postgresql*",                                // Alpine
	"/usr/local/pgsql/bin",                                    // built from source
	"/opt/homebrew/opt/postgresql@*/bin",                      // Homebrew, Apple silicon
	"/usr/local/opt/postgresql@*/bin",                         // Homebrew, Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",         // Homebrew, Linux
	"/Applications/Postgres.app/Contents/Versions/[0-9]*/bin", // Postgres.app
	"/opt/local/lib/postgresql*/bin",                          // MacPorts
}

// findOrFetch returns binaries that fit: of the major version of an existing
// cluster, or of any from minMajor on, the newest first.
func findOrFetch(ctx context.Context, cfg Config, a *account, major int) (binaries, error) {
	if cfg.BinDir != "" {
		return explicitBinaries(ctx, cfg.BinDir, a, major)
	}
	found := search(ctx, a, os.Getenv("PATH"), usualFolders)
	for _, b := range found {
		if fits(b.version, major) {
			return b, nil
		}
	}
	if ctx.Err() != nil {
		return binaries{}, ctx.Err() // the search was cut short
	}
	fetched, err := fetch(ctx, fetchConfig{cacheDir: cfg.CacheDir, major: major, logger: cfg.Logger}, a)
	if err == nil {
		return fetched, nil
	}
	wanted := fmt.Sprintf("PostgreSQL %d or newer", minMajor)
	if major != 0 {
		wanted = fmt.Sprintf("PostgreSQL %d, which made the data folder,", major)
	}
	return binaries{}, fmt.Errorf("%s was not found on the PATH or in the usual folders (%s), and could not be downloaded: %w; install it, or name the folder of its programs with TANSU_PG_BIN", wanted, describe(found), err)
}

func fits(v version, major int) bool {
	if major != 0 {
		return v.major == major
	}
	return v.major >= minMajor
}

func describe(found []binaries) string {
	if len(found) == 0 {
		return "no version at all"
	}
	var list []string
	for _, b := range found {
		list = append(list, fmt.Sprintf("found %s in %s", b.version, b.dir))
	}
	return strings.Join(list, ", ")
}

func explicitBinaries(ctx context.Context, dir string, a *account, major int) (binaries, error) {
	b, err := inspect(ctx, dir, a)
	if err != nil {
		return binaries{}, fmt.Errorf("TANSU_PG_BIN: %w", err)
	}
	if !fits(b.version, major) {
		if major != 0 {
			return binaries{}, fmt.Errorf("TANSU_PG_BIN: %s has PostgreSQL %s, but the data folder was made by PostgreSQL %d", dir, b.version, major)
		}
		return binaries{}, fmt.Errorf("TANSU_PG_BIN: %s has PostgreSQL %s; %d or newer is needed", dir, b.version, minMajor)
	}
	return b, nil
}

// search lists the binaries on path and in the folders, the newest first; of
// equal versions the one on the path.
func search(ctx context.Context, a *account, path string, folders []string) []binaries {
	candidates := filepath.SplitList(path)
	for _, pattern := range folders {
		matches, _ := filepath.Glob(pattern) // the patterns are constants
		candidates = append(candidates, matches...)
	}
	var found []binaries
	for _, dir := range candidates {
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err != nil {
			continue
		}
		b, err := inspect(ctx, dir, a)
		if err != nil || slices.ContainsFunc(found, func(f binaries) bool { return f.dir == b.dir }) {
			continue
		}
		found = append(found, b)
	}
	slices.SortStableFunc(found, func(x, y binaries) int {
		if x.version.major != y.version.major {
			return y.version.major - x.version.major
		}
		return y.version.minor - x.version.minor
	})
	return found
}

// inspect follows links to the folder where postgres really lies (a lone link
// on the PATH has no initdb beside it), and asks it for its version, as the
// account that will run it.
func inspect(ctx context.Context, dir string, a *account) (binaries, error) {
	postgres, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return binaries{}, fmt.Errorf("%s holds no postgres: %w", dir, err)
	}
	b := binaries{dir: filepath.Dir(postgres)}
	if _, err := os.Stat(b.initdb()); err != nil {
		return binaries{}, fmt.Errorf("there is no initdb beside %s: %w", postgres, err)
	}
	cmd := exec.CommandContext(ctx, b.postgres(), "--version")
	cmd.Env = environment()
	cmd.Dir = "/"
	child.Confine(cmd, a.credential(), fastShutdown)
	output, err := cmd.Output()
	if err != nil {
		return binaries{}, fmt.Errorf("%s --version: %w", b.postgres(), err)
	}
	b.version, err = parseVersion(string(output))
	return b, err
}

// parseVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
// betas are "17beta1".
func parseVersion(output string) (version, error) {
	var v version
	_, rest, ok := strings.Cut(output, "(PostgreSQL) ")
	if !ok {
		return v, fmt.Errorf("%q is not the version of a PostgreSQL", strings.TrimSpace(output))
	}
	n, err := fmt.Sscanf(rest, "%d.%d", &v.major, &v.minor)
	if n == 0 {
		return v, errors.Join(fmt.Errorf("%q is not the version of a PostgreSQL", strings.TrimSpace(output)), err)
	}
	return v, nil
}
