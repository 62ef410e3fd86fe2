package embedded

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"tansu.cloud/platform/child"
)

const (
	roleName     = "tansu"
	databaseName = "tansu"
)

// defaultSettings favour safety of data, then a small machine.
var defaultSettings = map[string]string{
	"listen_addresses":                    "",
	"port":                                socketPort,
	"unix_socket_permissions":             "0700",
	"max_connections":                     "100",
	"fsync":                               "on",
	"full_page_writes":                    "on",
	"synchronous_commit":                  "on",
	"shared_buffers":                      "128MB",
	"wal_level":                           "replica",
	"max_wal_size":                        "1GB",
	"checkpoint_timeout":                  "15min",
	"autovacuum_naptime":                  "10s", // heads and checkpoints are updated all the time
	"idle_in_transaction_session_timeout": "60s",
	"jit":                                 "off",
	"random_page_cost":                    "1.1",
	"timezone":                            "UTC",
	"log_timezone":                        "UTC",
	"log_line_prefix":                     "%m [%p] ",
}

// initialize creates the cluster beside its final place and moves it there when
// it is complete, so that a crash never leaves half a cluster.
func (s *Server) initialize(ctx context.Context) error {
	if err := os.RemoveAll(s.layout.initial); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := os.Mkdir(s.layout.initial, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := s.account.own(s.layout.initial); err != nil {
		return err
	}
	passwordFile, err := s.passwordForInit()
	if err != nil {
		return err
	}
	defer os.Remove(passwordFile.Name())
	defer passwordFile.Close()

	var output bytes.Buffer
	cmd := exec.Command(s.binaries.initdb())
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = environment()
	cmd.Dir = "/"
	child.Confine(cmd, s.account.credential(), fastShutdown)
	data, release, err := reach(cmd, s.account, s.layout.initial)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	defer release()
	owned, releaseOwned, err := reach(cmd, s.account, s.layout.owned)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	defer releaseOwned()
	cmd.Args = append(cmd.Args, "--pgdata="+data, "--username="+roleName,
		"--pwfile="+filepath.Join(owned, filepath.Base(passwordFile.Name())),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions")
	if s.settings["fsync"] == "off" {
		cmd.Args = append(cmd.Args, "--no-sync")
	}
	started, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.binaries.initdb(), err)
	}
	select {
	case <-started.Done():
	case <-ctx.Done():
		started.Kill()
		return ctx.Err()
	}
	if !started.Succeeded() {
		return fmt.Errorf("initdb failed (%s):\n%s", started.State(), bytes.TrimSpace(output.Bytes()))
	}
	if err := os.Rename(s.layout.initial, s.layout.data); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return syncDir(s.layout.owned)
}

// passwordForInit hands the password to initdb in a file that its account reads.
func (s *Server) passwordForInit() (*os.File, error) {
	file, err := os.CreateTemp(s.layout.owned, "password-")
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := s.account.own(file.Name()); err != nil {
		return nil, err
	}
	if _, err := file.WriteString(s.password + "\n"); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return file, nil
}

// serverCommand returns the postmaster's command. Settings are arguments, not a
// file: they follow this binary's version, and root writes no file in a folder
// of another user.
func (s *Server) serverCommand(logFile *os.File) (*exec.Cmd, func(), error) {
	cmd := exec.Command(s.binaries.postgres())
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.Env = environment()
	cmd.Dir = "/"
	child.Confine(cmd, s.account.credential(), fastShutdown)
	data, release, err := reach(cmd, s.account, s.layout.data)
	if err != nil {
		return nil, nil, fmt.Errorf("data folder: %w", err)
	}
	socketDir := s.socketDir
	if socketDir == s.layout.run {
		socketDir = "../" + filepath.Base(s.layout.run) // from the data directory, the server's working folder
	}
	settings := maps.Clone(defaultSettings)
	maps.Copy(settings, s.settings)
	settings["unix_socket_directories"] = socketDir
	cmd.Args = append(cmd.Args, "-D", data)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		cmd.Args = append(cmd.Args, "-c", name+"="+settings[name])
	}
	return cmd, release, nil
}

// environment is what PostgreSQL needs and no more: this process's own may hold
// secrets that another account must not read.
func environment() []string {
	env := []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	for _, name := range []string{"TMPDIR", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
