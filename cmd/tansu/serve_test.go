package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
)

// patientReads has what was written be there for the next read, however busy the
// machine is.
const patientReads = "TANSU_CONSISTENCY_WAIT=30s"

func serveEnv(t *testing.T, dsn string) []string {
	return []string{
		"TANSU_POSTGRES_DSN=" + dsn,
		"TANSU_MASTER_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"TANSU_OPERATOR_TOKEN=brought-along-token",
		"TANSU_HTTP_ADDR=" + freeAddr(t),
		"TANSU_DATA_DIR=" + t.TempDir(),
		patientReads,
	}
}

func TestServeDrainsBeforeItStops(t *testing.T) {
	t.Parallel()
	env := append(serveEnv(t, postgrestest.NewDSN(t)), "TANSU_HTTP_DRAIN_DELAY=1h")
	p := startProgram(t, env, "serve").ready()
	code, _, stderr := invoke(t, env, "health")
	require.Zero(t, code, stderr)

	p.signal(syscall.SIGTERM)
	require.Eventually(t, func() bool { return p.status("/readyz", "") == http.StatusServiceUnavailable }, time.Minute, 10*time.Millisecond)
	require.Equal(t, http.StatusOK, p.status("/livez", ""), "it still answers")
	code, _, stderr = invoke(t, env, "health")
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "503")
	p.signal(syscall.SIGTERM)
	p.wait()
	code, _, stderr = invoke(t, env, "health")
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "the node does not answer")
}

func TestServeStopsInOrder(t *testing.T) {
	t.Parallel()
	p := startProgram(t, append(serveEnv(t, postgrestest.NewDSN(t)), "TANSU_HTTP_DRAIN_DELAY=0s"), "serve").ready()
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait(), p.stderr)
	require.Empty(t, p.stdout.String())
	require.NotContains(t, p.stderr.String(), "brought-along-token")
}

func TestServeNeedsTheSchema(t *testing.T) {
	t.Parallel()
	p := startProgram(t, serveEnv(t, postgrestest.NewEmptyDSN(t)), "serve")
	require.Equal(t, exitUsage, p.wait())
	require.Contains(t, p.stderr.String(), "run tansu migrate")
}

// TestServeNeedsTheRoleOfTenants, which its user may lack if another migrates.
func TestServeNeedsTheRoleOfTenants(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(postgrestest.NewDSN(t))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), dsn.String())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "CREATE ROLE stranger LOGIN PASSWORD 'p'; GRANT SELECT ON schema_migrations TO stranger")
	require.NoError(t, err)
	dsn.User = url.UserPassword("stranger", "p")
	p := startProgram(t, serveEnv(t, dsn.String()), "serve")
	require.Equal(t, exitError, p.wait())
	require.Contains(t, p.stderr.String(), `permission denied to set role "tansu_tenant"`)
	require.Contains(t, p.stderr.String(), "docs/runbooks/row-security.md")
}

func TestServeWithoutADatabaseEnds(t *testing.T) {
	t.Parallel()
	p := startProgram(t, serveEnv(t, "postgres://u:hunter2@127.0.0.1:1/d"), "serve")
	require.Equal(t, exitError, p.wait())
	require.Contains(t, p.stderr.String(), "connection refused")
	require.NotContains(t, p.stderr.String(), "hunter2")
}
