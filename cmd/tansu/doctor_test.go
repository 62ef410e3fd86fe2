package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/sql/db"
)

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewEmptyDSN(t)
	code, stdout, stderr := invoke(t, []string{"TANSU_POSTGRES_DSN=" + dsn, "TANSU_DATA_DIR=" + t.TempDir()}, "doctor", "-o", "json")
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "2 checks failed")
	var report struct{ Checks []finding }
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	status := map[string]finding{}
	for _, f := range report.Checks {
		status[f.Check] = f
		require.Equal(t, f.Status != statusOK, f.Fix != "", "%+v: what is wrong comes with what to do", f)
	}
	require.Equal(t, statusFail, status["durability"].Status, "tests run without fsync")
	require.Equal(t, statusFail, status["schema"].Status)
	require.Equal(t, "run tansu migrate", status["schema"].Fix)
	require.Equal(t, statusOK, status["server"].Status)
	require.Equal(t, statusOK, status["clock"].Status)

	code, stdout, _ = invoke(t, []string{"TANSU_POSTGRES_DSN=" + dsn}, "migrate", "--dry-run")
	require.Zero(t, code)
	require.Contains(t, stdout, "would apply 00001_event_log.sql")
	code, stdout, _ = invoke(t, []string{"TANSU_POSTGRES_DSN=" + dsn}, "migrate")
	require.Zero(t, code)
	require.Contains(t, stdout, "applied 00001_event_log.sql in ")
	code, stdout, stderr = invoke(t, []string{"TANSU_POSTGRES_DSN=" + dsn}, "doctor")
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "1 check failed")
	require.Contains(t, stdout, "→ turn fsync and full_page_writes on")
}

func TestDoctorWithoutADatabase(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{
		{"TANSU_DATA_DIR=" + t.TempDir()},
		{"TANSU_POSTGRES_DSN=postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=1"},
	} {
		code, stdout, stderr := invoke(t, env, "doctor")
		require.Equal(t, exitError, code)
		require.Contains(t, stdout, "fail    database")
		require.NotContains(t, stdout+stderr, "hunter2")
	}
}

func TestDoctorSeesLagAndParkedStreams(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	for _, statement := range []string{
		"INSERT INTO heads VALUES ('00000000-0000-0000-0000-000000000001', 20000, '', now()), ('00000000-0000-0000-0000-000000000002', 5, '', now())",
		"INSERT INTO read_models VALUES ('behind', 1, 1, now()), ('parked', 2, 1, now()), ('well', 1, 1, now())",
		`INSERT INTO checkpoints VALUES
			('00000000-0000-0000-0000-000000000001', 'behind', 1, 100, 1, now()), ('00000000-0000-0000-0000-000000000002', 'behind', 1, 1, 1, now()),
			('00000000-0000-0000-0000-000000000002', 'parked', 1, 0, 1, now()), ('00000000-0000-0000-0000-000000000002', 'parked', 2, 5, 1, now()),
			('00000000-0000-0000-0000-000000000001', 'well', 1, 20000, 1, now())`,
		"INSERT INTO parked_streams VALUES ('00000000-0000-0000-0000-000000000002', 'parked', 2, 't', 's', gen_random_uuid(), 1, 1)",
	} {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	findings := checkProjections(t.Context(), conn.Conn())
	require.Len(t, findings, 3)
	for i, want := range []struct{ check, status, detail string }{
		{"projection behind", statusWarn, "19904 events behind, 0 parked streams"},
		{"projection parked", statusWarn, "0 events behind, 1 parked streams"},
		{"projection well", statusOK, "0 events behind, 0 parked streams"},
	} {
		require.Equal(t, want.check, findings[i].Check)
		require.Equal(t, want.status, findings[i].Status)
		require.Equal(t, want.detail, findings[i].Detail)
	}
}

func TestDoctorSeesOldTransactions(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.Equal(t, statusOK, checkTransactions(t.Context(), conn).Status)
}

func TestDoctorJudgesServerSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state db.ServerStateRow
		want  string
	}{
		{db.ServerStateRow{Fsync: "on", FullPageWrites: "on", SynchronousCommit: "on"}, statusOK},
		{db.ServerStateRow{Fsync: "on", FullPageWrites: "on", SynchronousCommit: "remote_apply"}, statusOK},
		{db.ServerStateRow{Fsync: "on", FullPageWrites: "on", SynchronousCommit: "local"}, statusWarn},
		{db.ServerStateRow{Fsync: "on", FullPageWrites: "on", SynchronousCommit: "off"}, statusFail},
		{db.ServerStateRow{Fsync: "off", FullPageWrites: "on", SynchronousCommit: "on"}, statusFail},
		{db.ServerStateRow{Fsync: "on", FullPageWrites: "off", SynchronousCommit: "on"}, statusFail},
	} {
		require.Equal(t, test.want, checkDurability(test.state).Status, "%+v", test.state)
	}
	for used, want := range map[int32]string{10: statusOK, 80: statusWarn, 96: statusFail} {
		state := db.ServerStateRow{MaxConnections: 103, ReservedConnections: 3, Connections: used}
		require.Equal(t, want, checkConnections(state, 32).Status)
	}
	require.Equal(t, statusWarn, checkConnections(db.ServerStateRow{MaxConnections: 23, ReservedConnections: 3}, 32).Status)
	require.Equal(t, statusFail, checkServerVersion(db.ServerStateRow{VersionNum: 140_010}).Status)
	require.Equal(t, statusOK, checkServerVersion(db.ServerStateRow{VersionNum: 150_000}).Status)
}

func TestDoctorComparesClocksWithinTheRoundTrip(t *testing.T) {
	t.Parallel()
	asked := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	answered := asked.Add(4 * time.Second)
	for _, test := range []struct {
		server time.Duration
		want   string
	}{
		{2 * time.Second, statusOK},
		{0, statusOK},
		{4900 * time.Millisecond, statusOK},
		{6 * time.Second, statusWarn},
		{-2 * time.Second, statusWarn},
		{time.Minute, statusFail},
	} {
		require.Equal(t, test.want, checkClock(asked.Add(test.server), asked, answered).Status, test.server)
	}
}
