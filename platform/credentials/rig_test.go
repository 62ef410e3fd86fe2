package credentials_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// clock is moved by tests.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

var key = bytes.Repeat([]byte{7}, 32)

func open(t testing.TB) (*credentials.Store, *pgxpool.Pool, *clock) {
	t.Helper()
	pool := postgrestest.New(t)
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return reopen(t, pool, c, key), pool, c
}

func reopen(t testing.TB, pool *pgxpool.Pool, c *clock, key []byte) *credentials.Store {
	t.Helper()
	s, err := credentials.New(pool, credentials.Config{Key: key, Now: c.now})
	require.NoError(t, err)
	return s
}

func count(t testing.TB, pool *pgxpool.Pool, table string) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

// named is what becomes of a row when an event has named it; the saga does that.
func named(t testing.TB, pool *pgxpool.Pool, table string, id uuid.UUID) {
	t.Helper()
	column := map[string]string{"recovery_codes": "set_id"}[table]
	if column == "" {
		column = "id"
	}
	change := "delete_after = NULL"
	if table != "api_key_hashes" && table != "passkey_credentials" {
		change += ", named_by = 1"
	}
	done, err := pool.Exec(t.Context(), "UPDATE "+table+" SET "+change+" WHERE "+column+" = $1", id)
	require.NoError(t, err)
	require.NotZero(t, done.RowsAffected())
}

func TestKeyMustHave32Bytes(t *testing.T) {
	t.Parallel()
	_, err := credentials.New(nil, credentials.Config{Key: []byte("short")})
	require.ErrorContains(t, err, "5 bytes")
}

var (
	tenant, other = uuid.MustParse("0190a1b2-0000-7000-8000-000000000001"), uuid.MustParse("0190a1b2-0000-7000-8000-000000000002")
	user          = uuid.MustParse("0190a1b2-0000-7000-8000-00000000000a")
	someone       = uuid.MustParse("0190a1b2-0000-7000-8000-00000000000b")
	first, second = uuid.MustParse("0190a1b2-0000-7000-8000-0000000000a1"), uuid.MustParse("0190a1b2-0000-7000-8000-0000000000a2")
)
