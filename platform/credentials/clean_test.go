package credentials_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
)

// deletions notes how many rows each DELETE took.
type deletions struct {
	mu   sync.Mutex
	rows []int64
}

func (d *deletions) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (d *deletions) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	if data.CommandTag.Delete() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.rows = append(d.rows, data.CommandTag.RowsAffected())
	}
}

func TestCleaningIsDoneInBatches(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(postgrestest.NewDSN(t))
	require.NoError(t, err)
	seen := &deletions{}
	config.ConnConfig.Tracer = seen
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := reopen(t, pool, c, key)

	// In each table 1,200 rows of three tenants that have expired, and one that
	// has not.
	const id = "md5(n::text)::uuid"
	const tenantOf = "('00000000-0000-0000-0000-00000000000' || n % 3)::uuid"
	const at = "CASE WHEN n <= 1200 THEN timestamptz '2026-01-01' ELSE timestamptz '2026-03-02' END"
	for _, rows := range []string{
		"passwords SELECT @tenant, @id, @id, '', @at, @at",
		"one_time_tokens SELECT @tenant, n::text::bytea, 'sign_in', @id, @id, @at, @at",
		"browser_sessions SELECT @tenant, n::text::bytea, @id, @id, 1, @at, @at, @at, @at",
		"api_key_hashes SELECT @tenant, @id, '', @at, NULL, @at",
		"client_secrets SELECT @tenant, @id, @id, '', true, @at, @at",
		"totp_secrets SELECT @tenant, @id, @id, '', 0, @at, @at",
		"recovery_codes SELECT @tenant, @id, @id, n::text::bytea, NULL, @at, @at",
		"passkey_credentials SELECT @tenant, @id, @id, n::text::bytea, '', 0, NULL, NULL, @at, @at",
		"spent_challenges SELECT @tenant, n::text::bytea, @at",
		"provider_secrets SELECT @tenant, @id, @id, '', @at, @at",
	} {
		sql := "INSERT INTO " + strings.NewReplacer("@tenant", tenantOf, "@id", id, "@at", at).Replace(rows)
		_, err := pool.Exec(t.Context(), sql+" FROM generate_series(1, 1201) n")
		require.NoError(t, err, sql)
	}
	require.NoError(t, s.Clean(t.Context()))
	for _, table := range []string{
		"passwords", "one_time_tokens", "browser_sessions", "api_key_hashes", "client_secrets",
		"totp_secrets", "recovery_codes", "passkey_credentials", "spent_challenges", "provider_secrets",
	} {
		require.Equal(t, 1, count(t, pool, table), table)
	}
	var sum int64
	for _, rows := range seen.rows {
		require.LessOrEqual(t, rows, int64(500))
		sum += rows
	}
	require.EqualValues(t, 10*1200, sum)
}

func TestCleaningStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Clean(ctx), context.Canceled)
}
