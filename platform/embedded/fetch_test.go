package embedded

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository serves the archive of testdata the way the real one does.
func repository(t *testing.T, requests *atomic.Int32) string {
	t.Helper()
	archive, err := os.ReadFile("testdata/postgres.txz")
	require.NoError(t, err)
	var jar bytes.Buffer
	writer := zip.NewWriter(&jar)
	file, err := writer.Create("postgres.txz")
	require.NoError(t, err)
	_, err = file.Write(archive)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	checksum := sha256.Sum256(jar.Bytes())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(hex.EncodeToString(checksum[:])))
			return
		}
		_, _ = w.Write(jar.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestFetchDownloadsOnce(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	cfg := fetchConfig{
		cacheDir:   filepath.Join(openDir(t), "cache"),
		repository: repository(t, &requests),
		logger:     slog.New(slog.DiscardHandler),
	}
	b, err := fetch(t.Context(), cfg, nil)
	require.NoError(t, err)
	require.Equal(t, version{17, 5}, b.version)
	require.Equal(t, filepath.Join(cfg.cacheDir, "postgres-17.5.0", "bin"), b.dir)
	require.Equal(t, int32(2), requests.Load())

	again, err := fetch(t.Context(), cfg, nil)
	require.NoError(t, err)
	require.Equal(t, b, again)
	require.Equal(t, int32(2), requests.Load(), "nothing is downloaded again")
	entries, err := os.ReadDir(cfg.cacheDir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no half download stays behind")
}

func TestFetchThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	cfg := fetchConfig{cacheDir: openDir(t), repository: server.URL, logger: slog.New(slog.DiscardHandler)}
	_, err := fetch(t.Context(), cfg, nil)
	require.ErrorContains(t, err, "no version found matching 17.5.0")
	entries, err := os.ReadDir(cfg.cacheDir)
	require.NoError(t, err)
	require.Empty(t, entries)

	cfg.major = 12
	_, err = fetch(t.Context(), cfg, nil)
	require.ErrorContains(t, err, "no binaries of PostgreSQL 12 to download")
}
