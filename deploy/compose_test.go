// Package deploy_test holds the operations files to their rules. It reads
// docker-compose.yml as the compose command would; no container engine is needed.
package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

func TestComposeRules(t *testing.T) {
	t.Parallel()
	for _, offence := range offences(load(t, "../docker-compose.yml", "*")) {
		t.Error(offence)
	}
}

// TestComposeRulesFindOffences shows each rule refusing a service that breaks
// it, so that a green TestComposeRules means something.
func TestComposeRulesFindOffences(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "compose.yml")
	require.NoError(t, os.WriteFile(path, []byte(`
name: careless
services:
  web:
    image: nginx:latest
    ports: ["8080:80"]
    privileged: true
    volumes: ["/srv/web:/data"]
    environment: {ADMIN_PASSWORD: hunter2, TOKEN_FILE: /run/secrets/token}
    depends_on: [db]
  db:
    image: postgres:17
    user: "0"
`), 0o600))
	require.Equal(t, []string{
		"db: image postgres:17 is not pinned; name the full version, such as postgres:17.6",
		"db: no healthcheck; others cannot wait for it",
		"db: read_only is off; mount tmpfs where it must write",
		"db: capabilities are kept; set cap_drop: [ALL]",
		"db: may gain privileges; set security_opt: [no-new-privileges:true]",
		`db: runs as user "0"; set user to an id other than root's`,
		"db: no mem_limit; it could take the machine's memory",
		"db: logs are not rotated; set logging options max-size and max-file",
		"db: on the default network; name the networks it needs (edge, data)",
		"web: image nginx:latest is not pinned; name the full version, such as postgres:17.6",
		"web: no healthcheck; others cannot wait for it",
		"web: read_only is off; mount tmpfs where it must write",
		"web: capabilities are kept; set cap_drop: [ALL]",
		"web: may gain privileges; set security_opt: [no-new-privileges:true]",
		"web: privileged",
		`web: runs as user ""; set user to an id other than root's`,
		"web: no mem_limit; it could take the machine's memory",
		"web: logs are not rotated; set logging options max-size and max-file",
		"web: on the default network; name the networks it needs (edge, data)",
		"web: port 80 is published on every address; bind it to 127.0.0.1",
		"web: environment ADMIN_PASSWORD holds a secret; mount it with secrets: and name the file in ADMIN_PASSWORD_FILE",
		"web: /data is a bind mount; use a named volume",
		"web: starts as soon as db has started; wait for service_healthy",
	}, offences(load(t, path)))
}

// TestStartsWithoutProfile: docker compose up alone gives a working platform.
func TestStartsWithoutProfile(t *testing.T) {
	t.Parallel()
	require.ElementsMatch(t, []string{"postgres", "migrate", "tansu"}, load(t, "../docker-compose.yml").ServiceNames())
}

// TestProfilesAddWhatTheyName: what several processes need, and nothing more.
func TestProfilesAddWhatTheyName(t *testing.T) {
	t.Parallel()
	for profile, service := range map[string]string{"bus": "rabbitmq", "cache": "redis"} {
		names := load(t, "../docker-compose.yml", profile).ServiceNames()
		require.ElementsMatch(t, []string{"postgres", "migrate", "tansu", service}, names)
	}
}

// TestRabbitMQFindsItsDataAgain: they belong to the name of its machine.
func TestRabbitMQFindsItsDataAgain(t *testing.T) {
	t.Parallel()
	rabbitmq := load(t, "../docker-compose.yml", "*").Services["rabbitmq"]
	require.NotEmpty(t, rabbitmq.Hostname)
	require.True(t, slices.ContainsFunc(rabbitmq.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Target == "/var/lib/rabbitmq"
	}))
}

// TestMountedSecretsAreMade runs make secrets and looks for each file.
func TestMountedSecretsAreMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script, err := os.ReadFile("make-secrets.sh")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "make-secrets.sh"), script, 0o700))
	out, err := exec.Command(filepath.Join(dir, "make-secrets.sh")).CombinedOutput()
	require.NoError(t, err, string(out))
	for name, secret := range load(t, "../docker-compose.yml", "*").Secrets {
		made, err := os.ReadFile(filepath.Join(dir, "secrets", filepath.Base(secret.File)))
		require.NoError(t, err, "secret %s", name)
		require.NotEmpty(t, made)
	}
	password, err := os.ReadFile(filepath.Join(dir, "secrets", "rabbitmq_password"))
	require.NoError(t, err)
	for _, name := range []string{"rabbitmq_conf", "amqp_url"} {
		content, err := os.ReadFile(filepath.Join(dir, "secrets", name))
		require.NoError(t, err)
		require.Contains(t, string(content), string(password), "%s: the two sides must agree", name)
	}
}

// TestEnvironmentIsKnown: a variable that Tansu does not read would be ignored.
// That .env.example is true is tested in docs.
func TestEnvironmentIsKnown(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../.env.example")
	require.NoError(t, err)
	for name, s := range load(t, "../docker-compose.yml", "*").Services {
		for key := range s.Environment {
			if variable := strings.TrimSuffix(key, "_FILE"); strings.HasPrefix(key, "TANSU_") {
				require.Contains(t, string(example), "\n#"+variable+"=", "%s sets %s, which is no setting", name, key)
			}
		}
	}
}

// load reads a compose file as the command would with these profiles.
func load(t *testing.T, path string, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{path}, cli.WithEnv(nil), cli.WithProfiles(profiles))
	require.NoError(t, err)
	project, err := options.LoadProject(context.Background())
	require.NoError(t, err)
	return project
}

var (
	fullVersion = regexp.MustCompile(`^[^:@]+(:[0-9]+/[^:@]+)?:v?[0-9]+\.[0-9]+(\.[0-9]+)?([-.][0-9A-Za-z.-]+)?(@sha256:[0-9a-f]{64})?$`)
	secretName  = regexp.MustCompile(`(?i)(password|passwd|secret|token|_key|dsn)$`)
)

// offences names every rule that a service of the project breaks.
func offences(project *types.Project) []string {
	var found []string
	names := project.ServiceNames()
	slices.Sort(names)
	for _, name := range names {
		s := project.Services[name]
		say := func(format string, args ...any) {
			found = append(found, name+": "+fmt.Sprintf(format, args...))
		}
		if !fullVersion.MatchString(s.Image) {
			say("image %s is not pinned; name the full version, such as postgres:17.6", s.Image)
		}
		if !runsToItsEnd(project, name) && (s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) == 0) {
			say("no healthcheck; others cannot wait for it")
		}
		confined(s, say)
		reachable(s, say)
		for key := range s.Environment {
			if secretName.MatchString(key) {
				say("environment %s holds a secret; mount it with secrets: and name the file in %s_FILE", key, key)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				say("%s is a bind mount; use a named volume", v.Target)
			}
		}
		for dependency, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionStarted {
				say("starts as soon as %s has started; wait for service_healthy", dependency)
			}
		}
	}
	for name, secret := range project.Secrets {
		if secret.File == "" {
			found = append(found, fmt.Sprintf("secret %s: not from a file; let make secrets write it", name))
		}
	}
	return found
}

// confined checks what a service may do to the machine it runs on.
func confined(s types.ServiceConfig, say func(string, ...any)) {
	if !s.ReadOnly {
		say("read_only is off; mount tmpfs where it must write")
	}
	if !slices.Contains(s.CapDrop, "ALL") {
		say("capabilities are kept; set cap_drop: [ALL]")
	}
	if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		say("may gain privileges; set security_opt: [no-new-privileges:true]")
	}
	if s.Privileged {
		say("privileged")
	}
	if user, _, _ := strings.Cut(s.User, ":"); user == "" || user == "0" || user == "root" {
		say("runs as user %q; set user to an id other than root's", s.User)
	}
	if s.MemLimit == 0 {
		say("no mem_limit; it could take the machine's memory")
	}
	if s.Logging == nil || s.Logging.Options["max-size"] == "" || s.Logging.Options["max-file"] == "" {
		say("logs are not rotated; set logging options max-size and max-file")
	}
}

// reachable checks who can reach a service over the network.
func reachable(s types.ServiceConfig, say func(string, ...any)) {
	if _, isDefault := s.Networks["default"]; isDefault || len(s.Networks) == 0 {
		say("on the default network; name the networks it needs (edge, data)")
	}
	for _, p := range s.Ports {
		if p.HostIP != "127.0.0.1" {
			say("port %d is published on every address; bind it to 127.0.0.1", p.Target)
		}
	}
}

// runsToItsEnd reports whether others wait for the service to finish, so that
// its exit code is its health.
func runsToItsEnd(project *types.Project, name string) bool {
	for _, s := range project.Services {
		if d, ok := s.DependsOn[name]; ok && d.Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}
