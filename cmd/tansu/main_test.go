package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
)

// binaryEnv makes the test binary be the program, so that tests can start, kill
// and signal real processes of it.
const binaryEnv = "TANSU_TEST_IS_BINARY"

func TestMain(m *testing.M) {
	if os.Getenv(binaryEnv) != "" {
		jobLease = 5 * time.Second // jobs of killed nodes are soon done by others
		main()
		return
	}
	if dsn := os.Getenv(crashWriterEnv); dsn != "" {
		if err := crashWriter(dsn); err != nil {
			fmt.Fprintln(os.Stderr, "crash writer:", err)
			os.Exit(1)
		}
		return
	}
	if err := flag.Set("test.parallel", "3"); err != nil { // they wait for processes more than they compute
		panic(err)
	}
	postgrestest.Main(m)
}

// program is a running tansu.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	stdout *lockedBuffer
	stderr *lockedBuffer
	exited chan struct{}
}

// startProgram starts tansu with a clean environment and the given variables.
func startProgram(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(os.Args[0], args...), stdout: &lockedBuffer{}, stderr: &lockedBuffer{}, exited: make(chan struct{})}
	p.cmd.Env = append([]string{binaryEnv + "=1", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "TANSU_PG_BIN=" + os.Getenv("TANSU_PG_BIN"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	for _, entry := range env {
		if addr, ok := strings.CutPrefix(entry, "TANSU_HTTP_ADDR="); ok {
			p.url = "http://" + addr
		}
	}
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.exited
	})
	return p
}

// wait returns the exit code.
func (p *program) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(2 * time.Minute):
		require.Fail(p.t, "the program does not end", "%s", p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// ready waits until the node takes requests.
func (p *program) ready() *program {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		select {
		case <-p.exited:
			require.Fail(p.t, "the program ended", "%s", p.stderr)
		default:
		}
		return p.status("/readyz", "") == http.StatusOK
	}, 2*time.Minute, 20*time.Millisecond)
	return p
}

func (p *program) status(path, token string) int {
	request, err := http.NewRequest(http.MethodGet, p.url+path, nil)
	require.NoError(p.t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func (p *program) signal(s os.Signal) { require.NoError(p.t, p.cmd.Process.Signal(s)) }

// lastPort counts from a random number, so that no two tests get the same port.
var lastPort = func() *atomic.Int64 {
	n := new(atomic.Int64)
	n.Store(rand.Int64N(10_000))
	return n
}()

// freeAddr finds a loopback port below the range from which systems choose by
// themselves, so that it is still free when a program comes (back) to it.
func freeAddr(t *testing.T) string {
	t.Helper()
	for {
		address := net.JoinHostPort("127.0.0.1", strconv.FormatInt(10_000+lastPort.Add(1)%10_000, 10))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			require.NoError(t, listener.Close())
			return address
		}
		require.ErrorIs(t, err, syscall.EADDRINUSE)
	}
}

// invoke runs a command of the program in this process.
func invoke(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	err := run(t.Context(), args, env, strings.NewReader(""), &out, &errOut)
	reportError(&errOut, err)
	return exitCode(err), out.String(), errOut.String()
}

var printedToken = regexp.MustCompile(`tsk_op_[A-Za-z0-9_-]{43}`)

func devEnv(t *testing.T) (env []string, dataDir string) {
	dataDir = filepath.Join(postgrestest.DataDir(t), "data")
	return []string{"TANSU_DATA_DIR=" + dataDir, "TANSU_HTTP_ADDR=" + freeAddr(t), patientReads}, dataDir
}

// postmaster is the pid of the private server.
func postmaster(t require.TestingT, dataDir string) string {
	content, err := os.ReadFile(filepath.Join(dataDir, "postgres", "data", "postmaster.pid"))
	require.NoError(t, err)
	pid, _, _ := strings.Cut(string(content), "\n")
	return pid
}

func TestUsageErrorsOfNodeCommands(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"nonsense"}, `unknown command "nonsense" for "tansu"`},
		{[]string{"serv"}, "or serve"},
		{[]string{"version", "extra"}, "tansu version takes no arguments"},
		{[]string{"dev", "--no-such-flag"}, "unknown flag: --no-such-flag"},
		{[]string{"config", "show", "-o", "xml"}, `-o "xml" is unknown`},
		{[]string{"doctor", "-o", "xml"}, `-o "xml" is unknown`},
		{[]string{"serve", "--http-addr", "8080"}, "http.addr (TANSU_HTTP_ADDR, --http-addr)"},
		{[]string{"serve"}, "postgres.dsn (TANSU_POSTGRES_DSN, or TANSU_POSTGRES_DSN_FILE): must be set"},
		{[]string{"serve"}, "master_key (TANSU_MASTER_KEY, or TANSU_MASTER_KEY_FILE): must be set"},
		{[]string{"migrate", "--data-dir", "/no/such"}, "no database to work on"},
	} {
		code, stdout, stderr := invoke(t, nil, test.args...)
		require.Equal(t, exitUsage, code, test.args)
		require.Contains(t, stderr, test.want)
		require.Empty(t, stdout)
	}
}

func TestVersionAndConfigShow(t *testing.T) {
	t.Parallel()
	code, stdout, _ := invoke(t, nil, "version")
	require.Zero(t, code)
	require.Contains(t, stdout, "tansu dev (commit unknown")

	code, stdout, _ = invoke(t, []string{"TANSU_OPERATOR_TOKEN=hunter2-hunter2-hunter2", "TANSU_HTTP_ADDR=:9"}, "config", "show", "-o", "json")
	require.Zero(t, code)
	require.NotContains(t, stdout, "hunter2")
	var shown struct {
		OperatorToken string `json:"operator_token"`
		HTTP          struct{ Addr string }
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &shown))
	require.Equal(t, "[redacted]", shown.OperatorToken)
	require.Equal(t, ":9", shown.HTTP.Addr)
	code, stdout, _ = invoke(t, nil, "config", "show")
	require.Zero(t, code)
	require.Contains(t, stdout, "addr: 127.0.0.1:8080")
}

func TestStopIsOrderlyAndASecondSignalForces(t *testing.T) {
	t.Parallel()
	patient := &app{forced: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stopping, done := patient.stopContext(ctx)
	require.NoError(t, stopping.Err(), "the first signal does not cut the stop short")
	done()

	forced := make(chan struct{})
	hurried := &app{forced: forced}
	stopping, done = hurried.stopContext(ctx)
	defer done()
	close(forced)
	<-stopping.Done()
}
