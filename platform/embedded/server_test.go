package embedded

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	gopsutil "github.com/shirou/gopsutil/v4/process"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// helperEnv makes the test binary run a server on the folder it names until it
// is told to stop or killed: another process for the tests.
const helperEnv = "EMBEDDED_TEST_DATA_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		os.Exit(helper(dir))
	}
	os.Exit(m.Run())
}

func helper(dir string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	server, err := Start(ctx, Config{DataDir: dir})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready", server.process.PID())
	<-ctx.Done()
	if err := server.Stop(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// startHelper returns once the helper's server is ready, with the pid of that.
func startHelper(t *testing.T, dir string) (*exec.Cmd, int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, found := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	require.True(t, found, line)
	postmaster, err := strconv.Atoi(pid)
	require.NoError(t, err)
	return cmd, postmaster
}

// dataDir lies below a folder that only this process's user may enter, with a
// path short enough for a socket.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tansu-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "data")
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	server, err := Start(t.Context(), Config{DataDir: dir, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return server
}

func query(t *testing.T, dsn, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var value string
	require.NoError(t, conn.QueryRow(t.Context(), statement).Scan(&value))
	return value
}

func write(t *testing.T, server *Server, values ...int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.DSN())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS kept (n int)")
	require.NoError(t, err)
	for _, value := range values {
		_, err = conn.Exec(t.Context(), "INSERT INTO kept VALUES ($1)", value)
		require.NoError(t, err)
	}
}

func sum(t *testing.T, server *Server) string {
	t.Helper()
	return query(t, server.DSN(), "SELECT sum(n)::text FROM kept")
}

func requireNoProcess(t *testing.T, dir string) {
	t.Helper()
	l, err := newLayout(dir)
	require.NoError(t, err)
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		pids, err := leftovers(context.Background(), l)
		require.NoError(t, err)
		require.Empty(t, pids)
	}, time.Minute, 20*time.Millisecond)
}

func TestStartStopStart(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := start(t, dir)
	write(t, first, 1, 2)
	exited := first.Exited()
	require.NoError(t, first.Stop(t.Context()))
	<-exited
	require.NoError(t, first.Stop(t.Context()), "a second stop does nothing")
	requireNoProcess(t, dir)

	second := start(t, dir)
	write(t, second, 4)
	require.Equal(t, "7", sum(t, second))
	require.Equal(t, first.DSN(), second.DSN())
}

func TestSettingsAreSafe(t *testing.T) {
	t.Parallel()
	server := start(t, dataDir(t))
	for setting, want := range map[string]string{
		"listen_addresses":        "",
		"fsync":                   "on",
		"synchronous_commit":      "on",
		"full_page_writes":        "on",
		"data_checksums":          "on",
		"server_encoding":         "UTF8",
		"lc_collate":              "C",
		"password_encryption":     "scram-sha-256",
		"unix_socket_permissions": "0700",
		"TimeZone":                "UTC",
	} {
		if setting == "lc_collate" {
			require.Equal(t, want, query(t, server.DSN(), "SELECT datcollate FROM pg_database WHERE datname = current_database()"))
			continue
		}
		require.Equal(t, want, query(t, server.DSN(), "SELECT current_setting('"+setting+"')"), setting)
	}
	without := strings.Replace(server.DSN(), server.password, "wrong", 1)
	_, err := pgx.Connect(t.Context(), without)
	require.ErrorContains(t, err, "password authentication failed")
}

func TestTheServerNeverRunsAsRoot(t *testing.T) {
	t.Parallel()
	server := start(t, dataDir(t))
	process, err := gopsutil.NewProcess(int32(server.process.PID()))
	require.NoError(t, err)
	uids, err := process.Uids()
	require.NoError(t, err)
	require.NotContains(t, uids, uint32(0))
	if os.Geteuid() != 0 {
		require.Contains(t, uids, uint32(os.Geteuid()))
	}
	info, err := os.Stat(server.layout.password)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, uint32(os.Geteuid()), info.Sys().(*syscall.Stat_t).Uid, "only postgres/ changes hands")
}

func TestASecondStartOnTheFolderIsRefused(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := start(t, dir)
	_, err := Start(t.Context(), Config{DataDir: dir})
	var inUse *InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, server.layout.root, inUse.DataDir)
	require.Equal(t, os.Getpid(), inUse.PID)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
	require.Equal(t, inUse, InUse(dir))
	require.Equal(t, "1", query(t, server.DSN(), "SELECT '1'"), "the first is not disturbed")
	require.NoError(t, server.Stop(t.Context()))
	require.Nil(t, InUse(dir))
	require.Nil(t, InUse(filepath.Join(dir, "missing")))
}

func TestOfManyFirstStartsOneWins(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	const starts = 4
	servers, errs := make(chan *Server, starts), make(chan error, starts)
	for range starts {
		go func() {
			server, err := Start(t.Context(), Config{DataDir: dir})
			servers <- server
			errs <- err
		}()
	}
	refused := 0
	var winner *Server
	for range starts {
		if server := <-servers; server != nil {
			winner = server
		}
		if err := <-errs; err != nil {
			require.ErrorAs(t, err, new(*InUseError))
			refused++
		}
	}
	require.Equal(t, starts-1, refused)
	require.NoError(t, winner.Stop(t.Context()))
}

func TestKillAndRestartKeepWhatWasCommitted(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := start(t, dir)
	dsn := server.DSN()
	for round := range 3 {
		write(t, server, 1<<round)
		exited := server.Exited()
		require.NoError(t, server.Kill())
		<-exited
		requireNoProcess(t, dir)
		require.NoError(t, server.Restart(t.Context()))
		require.Equal(t, dsn, server.DSN())
	}
	require.Equal(t, "7", sum(t, server))
	require.NoError(t, server.Restart(t.Context()), "in order, while it runs")
	require.Equal(t, "7", sum(t, server))
}

func TestAForeignKillIsNoticed(t *testing.T) {
	t.Parallel()
	server := start(t, dataDir(t))
	write(t, server, 3)
	require.NoError(t, syscall.Kill(server.process.PID(), syscall.SIGKILL))
	<-server.Exited()
	require.NoError(t, server.Restart(t.Context()))
	require.Equal(t, "3", sum(t, server))
}

func TestTheServerOfAKilledProcessIsReplaced(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	helper, postmaster := startHelper(t, dir)
	dsn, err := Running(dir)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept (n int)")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "INSERT INTO kept VALUES (5)")
	require.NoError(t, err)
	require.NoError(t, helper.Process.Kill())
	_ = helper.Wait()

	server := start(t, dir)
	require.NotEqual(t, postmaster, server.process.PID())
	require.Equal(t, "5", sum(t, server))
	require.NoError(t, server.Stop(t.Context()))
	requireNoProcess(t, dir)
}

func TestAStopSignalLeavesNoProcess(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	helper, _ := startHelper(t, dir)
	require.NoError(t, helper.Process.Signal(syscall.SIGTERM))
	require.NoError(t, helper.Wait())
	requireNoProcess(t, dir)
	_, err := Running(dir)
	require.ErrorContains(t, err, "no private PostgreSQL runs in "+dir)
}

// Where no parent-death signal exists the server outlives its killed owner,
// which giving the lock away simulates.
func TestALeftoverServerIsStopped(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	abandoned := start(t, dir)
	write(t, abandoned, 6)
	require.NoError(t, abandoned.lock.Unlock())

	server := start(t, dir)
	<-abandoned.Exited()
	require.True(t, abandoned.process.Succeeded(), "stopped in order")
	require.Equal(t, "6", sum(t, server))
}

func TestAnOrphanedServerProcessIsStopped(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	abandoned := start(t, dir)
	write(t, abandoned, 8)
	require.NoError(t, abandoned.lock.Unlock())
	// Frozen, the postmaster obeys no request to shut down.
	require.NoError(t, syscall.Kill(abandoned.process.PID(), syscall.SIGSTOP))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, endLeftovers(ctx, abandoned.layout, 0), context.Canceled)
	require.NoError(t, killLeftovers(t.Context(), abandoned.layout))
	<-abandoned.Exited()
	require.Equal(t, "8", sum(t, start(t, dir)))
}

func TestALongPathGetsAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), strings.Repeat("long/", 20))
	server := start(t, dir)
	write(t, server, 1)
	socketDir := server.socketDir
	require.NotContains(t, socketDir, "long")
	dsn, err := Running(dir)
	require.NoError(t, err)
	require.Equal(t, server.DSN(), dsn)

	require.NoError(t, server.Kill())
	require.NoError(t, server.Restart(t.Context()))
	require.Equal(t, dsn, server.DSN())
	require.NoError(t, server.Kill())
	require.NoError(t, server.lock.Unlock())
	after := start(t, dir)
	require.Equal(t, "1", sum(t, after))
	require.NoDirExists(t, socketDir, "the folder of the killed server is gone")
	require.NoError(t, after.Stop(t.Context()))
	require.NoDirExists(t, after.socketDir)
}

func TestAPidFileOfAnotherProgramIsNoObstacle(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := start(t, dir)
	require.NoError(t, server.Stop(t.Context()))
	for _, content := range []string{fmt.Sprintf("%d\n%s\n", os.Getpid(), dir), ""} {
		require.NoError(t, os.WriteFile(filepath.Join(server.layout.data, "postmaster.pid"), []byte(content), 0o600))
		require.NoError(t, server.account.own(filepath.Join(server.layout.data, "postmaster.pid")))
		require.NoError(t, os.WriteFile(filepath.Join(server.layout.run, ".s.PGSQL.5432.lock"), []byte(content), 0o600))
		require.NoError(t, start(t, dir).Stop(t.Context()))
	}
}

func TestAnInterruptedInitializationIsRepeated(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Start(ctx, Config{DataDir: dir})
	require.ErrorIs(t, err, context.Canceled)
	l, err := newLayout(dir)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(l.initial, "base"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(l.initial, "PG_VERSION"), []byte("9"), 0o600))
	write(t, start(t, dir), 1)
	require.NoDirExists(t, l.initial)
}

func TestAStartThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	_, err := Start(t.Context(), Config{DataDir: dir, Settings: map[string]string{"shared_buffers": "many"}})
	require.ErrorContains(t, err, `invalid value for parameter "shared_buffers": "many"`)
	requireNoProcess(t, dir)
	write(t, start(t, dir), 1)
}
