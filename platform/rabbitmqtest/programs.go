package rabbitmqtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// errMissing says what to do; a test without its broker fails.
var errMissing = errors.New("no RabbitMQ: run tools/test-deps.sh (make test does), " +
	"or install rabbitmq-server, or let TANSU_TEST_AMQP_URL name a server")

// programs are what a broker consists of.
type programs struct{ server, epmd string }

// findPrograms looks where packages put the server's own script. The script of
// that name which Debian has on the PATH insists on root or on its own user.
func findPrograms() (programs, error) {
	folders := []string{"/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin"}
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		if strings.TrimSuffix(folder, "/") != "/usr/sbin" {
			folders = append(folders, folder)
		}
	}
	epmd, err := exec.LookPath("epmd")
	if err != nil {
		return programs{}, errMissing
	}
	for _, folder := range folders {
		if server, err := exec.LookPath(filepath.Join(folder, "rabbitmq-server")); err == nil {
			return programs{server, epmd}, nil
		}
	}
	return programs{}, errMissing
}
