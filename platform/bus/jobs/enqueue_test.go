package jobs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
)

func TestEnqueueRefusesWhatIsOutOfBounds(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	for _, tc := range []struct {
		name   string
		change func(*jobs.Job)
		says   []string
	}{
		{"nothing", func(j *jobs.Job) { *j = jobs.Job{} }, []string{"kind is missing", "key is missing"}},
		{"long texts", func(j *jobs.Job) {
			j.Kind, j.Key, j.Group = strings.Repeat("k", 101), strings.Repeat("漢", 86), strings.Repeat("g", 256)
		}, []string{"kind has 101 bytes, at most 100", "key has 258 bytes, at most 255 are allowed; use a hash", "group has 256 bytes"}},
		{"bad texts", func(j *jobs.Job) { j.Key, j.Group = "a\x00", "\xff" }, []string{"key must be UTF-8", "group must be UTF-8"}},
		{"a large payload", func(j *jobs.Job) { j.Payload = json.RawMessage(`"` + strings.Repeat("x", jobs.MaxPayload) + `"`) }, []string{"refer to larger things by id"}},
		{"a broken payload", func(j *jobs.Job) { j.Payload = json.RawMessage(`{"a"`) }, []string{"payload is not JSON"}},
	} {
		good := jobs.Job{TenantID: uuid.New(), Kind: "mail", Key: "k"}
		bad := good
		tc.change(&bad)
		n, err := jobs.Enqueue(t.Context(), pool, good, bad)
		require.Zero(t, n, tc.name)
		require.ErrorContains(t, err, "job 2 of 2", tc.name)
		for _, text := range tc.says {
			require.ErrorContains(t, err, text, tc.name)
		}
	}
	var rows int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM jobs").Scan(&rows))
	require.Zero(t, rows, "all or none")
	n, err := jobs.Enqueue(t.Context(), pool)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestEnqueueBelongsToTheCallersTransaction(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	tenant := uuid.New()
	all := make([]jobs.Job, 3000)
	for i := range all {
		all[i] = jobs.Job{TenantID: tenant, Kind: "mail", Key: fmt.Sprint(i), Group: fmt.Sprint(i % 7)}
	}
	for _, keep := range []bool{false, true} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		// As in the transactions of a projection's generation.
		_, err = tx.Exec(t.Context(), "SET LOCAL search_path = pg_catalog")
		require.NoError(t, err)
		n, err := jobs.Enqueue(t.Context(), tx, all...)
		require.NoError(t, err)
		require.Equal(t, len(all), n)
		if keep {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
	}
	var inOrder bool
	require.NoError(t, pool.QueryRow(t.Context(),
		"SELECT bool_and(key::int = n) FROM (SELECT key, row_number() OVER (ORDER BY seq) - 1 AS n FROM jobs) j").Scan(&inOrder))
	require.True(t, inOrder, "the order of the call is that of the jobs")
	var groups, grouped int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*), sum(jobs) FROM job_groups").Scan(&groups, &grouped))
	require.Equal(t, []int{7, len(all)}, []int{groups, grouped})
}
