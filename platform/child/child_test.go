package child_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/child"
)

// TestMain: this binary also plays the parent that is killed.
func TestMain(m *testing.M) {
	if os.Getenv("TANSU_TEST_PARENT") == "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("sleep", "600")
	child.Confine(cmd, nil, syscall.SIGKILL)
	p, err := child.Start(cmd)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	<-p.Done()
}

func start(t *testing.T, script string) *child.Process {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	child.Confine(cmd, nil, syscall.SIGKILL)
	p, err := child.Start(cmd)
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	return p
}

func TestAChildTellsHowItEnded(t *testing.T) {
	t.Parallel()
	p := start(t, "exit 0")
	<-p.Done()
	require.True(t, p.Succeeded())
	require.NoError(t, p.Signal(syscall.SIGTERM), "one that has ended is no error")
	p = start(t, "exit 3")
	<-p.Done()
	require.False(t, p.Succeeded())
	require.Equal(t, "exit status 3", p.State())
	_, err := child.Start(exec.Command("/does/not/exist"))
	require.Error(t, err)
}

func TestKillEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	out, in, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	cmd := exec.Command("sh", "-c", "sleep 600 & echo started; wait")
	cmd.Stdout = in
	child.Confine(cmd, nil, syscall.SIGKILL)
	p, err := child.Start(cmd)
	require.NoError(t, err)
	require.NoError(t, in.Close())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	p.Kill()
	require.False(t, lines.Scan(), "the pipe ends when its last holder is gone")
	p.Kill() // a second time does nothing
}

func TestAChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // only Linux has a signal for it
	}
	executable, err := os.Executable()
	require.NoError(t, err)
	parent := exec.Command(executable)
	parent.Env = append(os.Environ(), "TANSU_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait() // by the kill
	require.Eventually(t, func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(state), ") Z ")
	}, time.Minute, 5*time.Millisecond, "the child outlived its parent")
}

func TestOrdinaryFindsAUser(t *testing.T) {
	t.Parallel()
	found, err := child.Ordinary("no-such-user", "nobody")
	require.NoError(t, err)
	require.NotZero(t, found.Uid)
	_, err = child.Ordinary("no-such-user")
	require.ErrorContains(t, err, "no-such-user")
}
