package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/embedded"
)

func TestDevFirstAndSecondStart(t *testing.T) {
	t.Parallel()
	env, dataDir := devEnv(t)
	first := startProgram(t, env, "dev").ready()
	require.Eventually(t, func() bool { return printedToken.MatchString(first.stdout.String()) }, time.Minute, 10*time.Millisecond)
	box := first.stdout.String()
	require.Contains(t, box, strings.Replace(first.url, "127.0.0.1", "localhost", 1)+"/docs")
	require.Contains(t, box, dataDir)
	require.Equal(t, http.StatusOK, first.status("/livez", ""))
	require.Equal(t, http.StatusOK, first.status("/startupz", ""))
	key, err := os.ReadFile(filepath.Join(dataDir, "master.key"))
	require.NoError(t, err)
	server := postmaster(t, dataDir)
	first.signal(syscall.SIGTERM)
	require.Zero(t, first.wait(), first.stderr)
	requireGone(t, server)

	second := startProgram(t, env, "dev").ready()
	require.Eventually(t, func() bool { return strings.Contains(second.stdout.String(), "╯") }, time.Minute, 10*time.Millisecond)
	require.False(t, printedToken.MatchString(second.stdout.String()), "the token is shown once")
	require.Contains(t, second.stdout.String(), "tansu operator rotate-token")
	again, err := os.ReadFile(filepath.Join(dataDir, "master.key"))
	require.NoError(t, err)
	require.Equal(t, key, again)
	second.signal(os.Interrupt)
	require.Zero(t, second.wait(), second.stderr)
}

func requireGone(t *testing.T, pid string) {
	t.Helper()
	number, err := strconv.Atoi(pid)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return syscall.Kill(number, 0) == syscall.ESRCH }, time.Minute, 10*time.Millisecond,
		"process %s stays behind", pid)
}

func TestDevSurvivesKillsOfEitherProcess(t *testing.T) {
	t.Parallel()
	env, dataDir := devEnv(t)
	killed := startProgram(t, env, "dev").ready()
	server := postmaster(t, dataDir)
	killed.signal(syscall.SIGKILL)
	killed.wait()

	p := startProgram(t, env, "dev").ready()
	requireGone(t, server)
	server = postmaster(t, dataDir)
	pid, err := strconv.Atoi(server)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		code, _, stderr := invoke(t, env, "migrate", "--dry-run")
		assert.Zero(c, code, stderr)
		assert.NotEqual(c, server, postmaster(c, dataDir))
		assert.Contains(c, p.stdout.String(), demoEmail, "a start that lost its database goes on: %s", p.stderr)
	}, time.Minute, 50*time.Millisecond)

	pid, err = strconv.Atoi(postmaster(t, dataDir))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	p.signal(syscall.SIGKILL)
	p.wait()
	p = startProgram(t, env, "dev").ready()
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait(), p.stderr)
}

func TestDevRefusesAFolderInUse(t *testing.T) {
	t.Parallel()
	env, dataDir := devEnv(t)
	first := startProgram(t, env, "dev").ready()
	for _, addr := range []string{freeAddr(t), strings.TrimPrefix(first.url, "http://")} {
		second := startProgram(t, append(env, "TANSU_HTTP_ADDR="+addr), "dev")
		require.Equal(t, exitError, second.wait())
		require.Contains(t, second.stderr.String(), "the data folder "+dataDir+" is in use by another tansu (process "+strconv.Itoa(first.cmd.Process.Pid)+")")
		require.Empty(t, second.stdout.String())
	}
	require.Equal(t, http.StatusOK, first.status("/readyz", ""))
}

func TestOfTwoFirstStartsOneMakesTheToken(t *testing.T) {
	t.Parallel()
	env, _ := devEnv(t)
	programs := []*program{startProgram(t, env, "dev"), startProgram(t, append(env, "TANSU_HTTP_ADDR="+freeAddr(t)), "dev")}
	ended := make(chan *program, len(programs))
	for _, p := range programs {
		go func() { <-p.exited; ended <- p }()
	}
	loser := <-ended
	require.Contains(t, loser.stderr.String(), "is in use by another tansu")
	winner := programs[0]
	if winner == loser {
		winner = programs[1]
	}
	winner.ready()
	require.Eventually(t, func() bool { return printedToken.MatchString(winner.stdout.String()) }, time.Minute, 10*time.Millisecond)
	require.False(t, printedToken.MatchString(loser.stdout.String()))
}

func TestABusyPortIsReported(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	env, dataDir := devEnv(t)
	p := startProgram(t, append(env, "TANSU_HTTP_ADDR="+listener.Addr().String()), "dev")
	require.Equal(t, exitError, p.wait())
	require.Contains(t, p.stderr.String(), "port "+port+" is in use")
	require.Contains(t, p.stderr.String(), "--http-addr")
	require.Contains(t, p.stderr.String(), "TANSU_HTTP_ADDR")
	require.NoDirExists(t, dataDir, "nothing was begun")
}

func TestASignalDuringTheStartStopsCleanly(t *testing.T) {
	t.Parallel()
	env, dataDir := devEnv(t)
	p := startProgram(t, env, "dev")
	require.Eventually(t, func() bool { return embedded.InUse(dataDir) != nil }, time.Minute, time.Millisecond)
	p.signal(syscall.SIGTERM)
	require.Equal(t, exitInterrupted, p.wait(), p.stderr)
	require.Nil(t, embedded.InUse(dataDir))
	startProgram(t, env, "dev").ready()
}

func TestDoctorAndTokenOfARunningDev(t *testing.T) {
	t.Parallel()
	env, _ := devEnv(t)
	startProgram(t, append(env, "TANSU_OPERATOR_TOKEN=brought-along-token"), "dev").ready()
	code, stdout, stderr := invoke(t, env, "doctor", "-o", "json")
	require.Zero(t, code, "%s %s", stdout, stderr)
	require.Contains(t, stdout, `"fsync on, full_page_writes on, synchronous_commit on"`)

	code, token, stderr := invoke(t, env, "operator", "rotate-token")
	require.Zero(t, code, stderr)
	require.Regexp(t, printedToken, token)
}
