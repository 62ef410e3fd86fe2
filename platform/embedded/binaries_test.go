package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeBinaries makes a folder that looks like the given version.
func fakeBinaries(t *testing.T, root, sub, version string) string {
	t.Helper()
	dir := filepath.Join(root, sub)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s (Some 1)'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

// openDir can be entered by every user, as folders of programs are.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	dir, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	return dir
}

func TestSearchTakesTheNewestFirst(t *testing.T) {
	root := openDir(t)
	old := fakeBinaries(t, root, "usual/14/bin", "14.3")
	newest := fakeBinaries(t, root, "usual/17/bin", "17.2")
	middle := fakeBinaries(t, root, "usual/16/bin", "16.10")
	onPath := fakeBinaries(t, root, "path", "16.10")
	lone := filepath.Join(root, "lone")
	require.NoError(t, os.Mkdir(lone, 0o755))
	require.NoError(t, os.Symlink(filepath.Join(newest, "postgres"), filepath.Join(lone, "postgres")))
	half := fakeBinaries(t, root, "half", "18.1")
	require.NoError(t, os.Remove(filepath.Join(half, "initdb")))
	broken := fakeBinaries(t, root, "broken", "18.1")
	require.NoError(t, os.WriteFile(filepath.Join(broken, "postgres"), []byte("#!/bin/sh\nexit 3\n"), 0o755))

	path := onPath + ":" + lone + ":" + half + ":" + broken + ":" + filepath.Join(root, "missing")
	found := search(t.Context(), nil, path, []string{filepath.Join(root, "usual/*/bin")})
	var dirs []string
	for _, b := range found {
		dirs = append(dirs, b.dir)
	}
	require.Equal(t, []string{newest, onPath, middle, old}, dirs)
}

func TestAnExistingClusterDecidesTheMajorVersion(t *testing.T) {
	root := openDir(t)
	t.Setenv("PATH", fakeBinaries(t, root, "18", "18.0")+":"+fakeBinaries(t, root, "16", "16.4"))
	usual := usualFolders
	usualFolders = nil
	t.Cleanup(func() { usualFolders = usual })

	b, err := findOrFetch(t.Context(), Config{}, nil, 16)
	require.NoError(t, err)
	require.Equal(t, "16.4", b.version.String())
	b, err = findOrFetch(t.Context(), Config{}, nil, 0)
	require.NoError(t, err)
	require.Equal(t, "18.0", b.version.String())
	_, err = findOrFetch(t.Context(), Config{}, nil, 15)
	require.ErrorContains(t, err, "PostgreSQL 15, which made the data folder, was not found")
	require.ErrorContains(t, err, "found 18.0 in "+root)
	require.ErrorContains(t, err, "TANSU_PG_BIN")
}

func TestExplicitBinaries(t *testing.T) {
	t.Parallel()
	root := openDir(t)
	for _, test := range []struct {
		dir   string
		major int
		err   string
	}{
		{dir: fakeBinaries(t, root, "17", "17.1")},
		{dir: fakeBinaries(t, root, "16", "16.1"), major: 16},
		{dir: fakeBinaries(t, root, "14", "14.1"), err: "15 or newer is needed"},
		{dir: fakeBinaries(t, root, "18", "18.1"), major: 15, err: "the data folder was made by PostgreSQL 15"},
		{dir: filepath.Join(root, "missing"), err: "holds no postgres"},
	} {
		b, err := findOrFetch(t.Context(), Config{BinDir: test.dir}, nil, test.major)
		if test.err != "" {
			require.ErrorContains(t, err, "TANSU_PG_BIN: ")
			require.ErrorContains(t, err, test.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, test.dir, b.dir)
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]version{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": {15, 18},
		"postgres (PostgreSQL) 17.2\n":                           {17, 2},
		"postgres (PostgreSQL) 18beta1\n":                        {18, 0},
	} {
		got, err := parseVersion(output)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, output := range []string{"", "postgres", "postgres (PostgreSQL) ?"} {
		_, err := parseVersion(output)
		require.ErrorContains(t, err, "is not the version of a PostgreSQL")
	}
}
