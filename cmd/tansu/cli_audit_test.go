package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/postgrestest"
)

var (
	signer     = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	publicKey  = base64.StdEncoding.EncodeToString(signer.Public().(ed25519.PublicKey))
	exportedAt = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	acmeID     = uuid.MustParse("0192f0c1-0000-7000-8000-000000000001")
)

// fill appends events to a tenant's log.
func fill(t *testing.T, log eventstore.Appender, id uuid.UUID, n int) {
	t.Helper()
	w := eventstore.StreamWrite{Stream: eventstore.Stream{Type: "test", ID: uuid.NewString()}, Expected: eventstore.NoStream}
	for i := range n {
		w.Events = append(w.Events, eventstore.NewEvent{
			ID: uuid.Must(uuid.NewV7()), Type: "test.happened", SchemaVersion: 1, Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)),
		})
	}
	_, err := log.Append(t.Context(), eventstore.Append{TenantID: id, Writes: []eventstore.StreamWrite{w}})
	require.NoError(t, err)
}

// auditServer serves the audit routes over a log.
func auditServer(t *testing.T, log eventstore.Reader) *fake {
	f := newFake(t)
	logOf := func(r *http.Request) uuid.UUID {
		id, _ := uuid.Parse(r.Header.Get("X-Tenant-Id")) // the system tenant if there is none
		return id
	}
	f.mux.HandleFunc("GET /v1/audit/verify", func(w http.ResponseWriter, r *http.Request) {
		var options eventstore.VerifyOptions
		if q := r.URL.Query(); q.Has("position") {
			options.Against = &eventstore.Head{TenantID: logOf(r)}
			options.Against.Position, _ = strconv.ParseInt(q.Get("position"), 10, 64)
			_, _ = hex.Decode(options.Against.Hash[:], []byte(q.Get("hash")))
		}
		report, err := eventstore.Verify(r.Context(), log, logOf(r), options)
		if err != nil {
			problemJSON(w, http.StatusInternalServerError, "internal", "Something broke", err.Error())
			return
		}
		_ = json.NewEncoder(w).Encode(auditOf(report))
	})
	f.mux.HandleFunc("GET /v1/audit/export", func(w http.ResponseWriter, r *http.Request) {
		_, err := eventstore.Export(r.Context(), log, logOf(r), w, signer, eventstore.ExportOptions{ExportedAt: exportedAt})
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	})
	return f
}

func TestExportThenVerifyAgainstIt(t *testing.T) {
	t.Parallel()
	log := memory.New(memory.Options{})
	fill(t, log, acmeID, 700)
	f := auditServer(t, log)
	file := filepath.Join(t.TempDir(), "acme.zip")

	r := tansu(t, f.URL, "audit", "export", "--tenant", acmeID.String(), "--file", file, "-o", "json").wantOK(t)
	var saved exportInfo
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &saved))
	require.True(t, saved.OK)
	require.EqualValues(t, 700, saved.Events)
	require.Equal(t, publicKey, saved.PublicKey)
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no part file stays behind")

	r = tansu(t, f.URL, "audit", "export", "--tenant", acmeID.String(), "--file", file)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.stderr, "is there already")

	// The log may grow; the export still fits.
	fill(t, log, acmeID, 5)
	r = tansu(t, f.URL, "audit", "verify", "--against", file, "-o", "jsonl").wantOK(t)
	require.Contains(t, r.stdout, `"head_position":705`)

	// The same log without its tail, and another log of the same length.
	cut, other := memory.New(memory.Options{}), memory.New(memory.Options{})
	fill(t, other, acmeID, 700)
	r = tansu(t, auditServer(t, cut).URL, "audit", "verify", "--against", file)
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stdout, "the tail was cut")
	require.Contains(t, r.stderr, "the first bad position is 1")
	r = tansu(t, auditServer(t, other).URL, "audit", "verify", "--against", file)
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "rewritten")

	r = tansu(t, f.URL, "audit", "verify", "--against", file, "--tenant", uuid.NewString())
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.stderr, "use the same --tenant")
}

func TestAnExportThatIsCutIsNotSaved(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.mux.HandleFunc("GET /v1/audit/export", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "PK")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	dir := t.TempDir()
	r := tansu(t, f.URL, "audit", "export", "--file", filepath.Join(dir, "x.zip"))
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "tansu audit verify")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestVerifyExportOffline(t *testing.T) {
	t.Parallel()
	log := memory.New(memory.Options{})
	fill(t, log, acmeID, 3)
	var archive bytes.Buffer
	_, err := eventstore.Export(t.Context(), log, acmeID, &archive, signer, eventstore.ExportOptions{ExportedAt: exportedAt})
	require.NoError(t, err)
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.zip"), filepath.Join(dir, "bad.zip")
	require.NoError(t, os.WriteFile(good, archive.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(bad, archive.Bytes()[:archive.Len()-9], 0o600))

	const nowhere = "http://127.0.0.1:1"
	r := tansu(t, nowhere, "audit", "verify-export", good).wantOK(t)
	require.Contains(t, r.stdout, "ok:             true\n")
	require.Contains(t, r.stderr, "--public-key")
	r = tansu(t, nowhere, "audit", "verify-export", good, "--public-key", publicKey).wantOK(t)
	require.Empty(t, r.stderr)

	r = tansu(t, nowhere, "audit", "verify-export", good, "--public-key", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "another key")
	r = tansu(t, nowhere, "audit", "verify-export", good, "--public-key", "abc")
	require.Equal(t, exitUsage, r.code)

	r = tansu(t, nowhere, "audit", "verify-export", bad, "-o", "jsonl")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stdout, `"ok":false`)
}

func TestVerifyOverADSN(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	log := postgres.New(pool, postgres.Options{})
	require.NoError(t, log.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, log.Stop(context.Background())) })
	fill(t, log, acmeID, 20)
	_, err = log.Append(t.Context(), eventstore.Append{
		TenantID: eventstore.SystemTenant,
		Writes: []eventstore.StreamWrite{{
			Stream: eventstore.Stream{Type: tenant.StreamType, ID: acmeID.String()}, Expected: eventstore.NoStream,
			Events: []eventstore.NewEvent{{ID: uuid.New(), Type: "tenant.created", SchemaVersion: 1, Data: json.RawMessage(`{}`)}},
		}},
		Claims: []eventstore.Claim{{
			Op: eventstore.TakeClaim, Scope: tenant.SlugScope, Value: "acme",
			Stream: eventstore.Stream{Type: tenant.StreamType, ID: acmeID.String()},
		}},
	})
	require.NoError(t, err)

	const nowhere = "http://127.0.0.1:1"
	r := tansu(t, nowhere, "audit", "verify", "--dsn", dsn, "-o", "jsonl").wantOK(t)
	require.Contains(t, r.stdout, `"events":1,`)
	r = tansu(t, nowhere, "audit", "verify", "--dsn", dsn, "--tenant", "acme", "-o", "jsonl").wantOK(t)
	require.Contains(t, r.stdout, `"events":20,`)
	require.Equal(t, exitUsage, tansu(t, nowhere, "audit", "verify", "--dsn", dsn, "--tenant", "globex").code)

	_, err = pool.Exec(t.Context(), `CREATE ROLE auditor LOGIN PASSWORD 'p'; GRANT SELECT ON heads, events, claims TO auditor`)
	require.NoError(t, err)
	reader, err := url.Parse(dsn)
	require.NoError(t, err)
	reader.User = url.UserPassword("auditor", "p")
	verify := []string{"audit", "verify", "--dsn", reader.String(), "--tenant", acmeID.String(), "-o", "jsonl"}
	r = tansu(t, nowhere, verify...)
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "row-level security")
	_, err = pool.Exec(t.Context(), `ALTER ROLE auditor BYPASSRLS`)
	require.NoError(t, err)
	require.Contains(t, tansu(t, nowhere, verify...).wantOK(t).stdout, `"events":20,`)

	_, err = pool.Exec(t.Context(), `UPDATE events SET data = '{"n":99}' WHERE tenant_id = $1 AND position = 13`, acmeID)
	require.NoError(t, err)
	r = tansu(t, nowhere, "audit", "verify", "--dsn", dsn, "--tenant", acmeID.String())
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stdout, "first bad position:  13")
	require.Contains(t, r.stderr, "the first bad position is 13")
}
