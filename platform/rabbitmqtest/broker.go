package rabbitmqtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"tansu.cloud/platform/child"
)

// Broker is a private RabbitMQ on loopback ports, with data and a cookie of its
// own. It ends with the test binary, however that ends.
type Broker struct {
	programs                         programs
	account                          *syscall.Credential // nil: runs as this process
	dir                              string
	port, distributionPort, epmdPort string
	epmd                             *child.Process

	mu     sync.Mutex // held while the broker changes
	server *child.Process
	shell  *shell
}

// open makes a broker and starts it.
func open() (_ *Broker, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	b := &Broker{}
	if b.programs, err = findPrograms(); err != nil {
		return nil, err
	}
	parent := ""
	if os.Geteuid() == 0 {
		if b.account, err = child.Ordinary("rabbitmq", "nobody"); err != nil {
			return nil, fmt.Errorf("a test broker does not run as root: %w", err)
		}
		parent = "/tmp" // a folder that root chose may be closed to the account
	}
	if b.dir, err = os.MkdirTemp(parent, "tansu-rabbitmq-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close(ctx))
		}
	}()
	for _, port := range []*string{&b.port, &b.distributionPort, &b.epmdPort} {
		if *port, err = child.FreePort(); err != nil {
			return nil, err
		}
	}
	if err = b.configure(); err != nil {
		return nil, err
	}
	if b.epmd, err = child.Start(b.command(b.programs.epmd)); err != nil {
		return nil, err
	}
	if err = b.Start(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// configure writes the broker's folder. Alarms for the machine's disk are off: a
// full disk of a test machine shows elsewhere.
func (b *Broker) configure() error {
	for name, content := range map[string]string{
		"rabbitmq.conf": "disk_free_limit.absolute = 1MB\n",
		"env.conf":      "", // instead of the machine's
		"plugins":       "[].\n",
	} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	if b.account == nil {
		return nil
	}
	return os.Chown(b.dir, int(b.account.Uid), int(b.account.Gid))
}

// command prepares one of the programs; epmd, the name service of Erlang, gets
// along with the broker's environment.
func (b *Broker) command(program string) *exec.Cmd {
	cmd := exec.Command(program)
	cmd.Dir = b.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "LANG=C.UTF-8", "TERM=dumb",
		"ERL_EPMD_PORT=" + b.epmdPort, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=tansu-test-" + b.port + "@localhost",
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT=" + b.port, "RABBITMQ_DIST_PORT=" + b.distributionPort,
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(b.dir, "data"), "RABBITMQ_LOG_BASE=" + filepath.Join(b.dir, "log"),
		"RABBITMQ_CONFIG_FILE=" + filepath.Join(b.dir, "rabbitmq.conf"),
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(b.dir, "env.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(b.dir, "plugins"),
		"RABBITMQ_ALLOW_INPUT=1", // gives the shell, and makes the script become the broker
	}
	child.Confine(cmd, b.account, syscall.SIGKILL)
	return cmd
}

// URL names the broker's default virtual host. It stays the same over restarts.
func (b *Broker) URL() string { return "amqp://guest:guest@127.0.0.1:" + b.port + "/" }

// Start starts the broker that was stopped or killed, and returns when it
// accepts connections. One that runs is left alone.
func (b *Broker) Start(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		return nil
	}
	cmd := b.command(b.programs.server)
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, outputEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outputEnd.Close() // the broker has its own descriptor
	cmd.Stdout, cmd.Stderr = outputEnd, outputEnd
	server, err := child.Start(cmd)
	if err != nil {
		return errors.Join(err, output.Close())
	}
	shell := newShell(input)
	go func() {
		defer output.Close()
		shell.read(output)
	}()
	select {
	case <-shell.ready:
		b.server, b.shell = server, shell
		return nil
	case <-server.Done():
		err = fmt.Errorf("the broker ended while it was starting (%s)", server.State())
	case <-ctx.Done():
		err = fmt.Errorf("the broker did not start: %w", ctx.Err())
		server.Kill()
	}
	return fmt.Errorf("%w\n%s", err, shell.output())
}

// Stop ends the broker in order. If ctx ends first it is killed.
func (b *Broker) Stop(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		return nil
	}
	if err := b.server.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	var err error
	select {
	case <-b.server.Done():
	case <-ctx.Done():
		err = fmt.Errorf("the broker did not stop: %w\n%s", ctx.Err(), b.shell.output())
	}
	b.server.Kill()
	b.server = nil
	return err
}

// Kill ends the broker by SIGKILL, as a crash would.
func (b *Broker) Kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		b.server.Kill()
		b.server = nil
	}
}

// Purge drops what waits in all queues.
func (b *Broker) Purge(ctx context.Context) error {
	return b.execute(ctx, `lists:foreach(fun(Q) -> {ok, _} = rabbit_amqqueue:purge(Q) end, rabbit_amqqueue:list())`)
}

// Alarm makes the broker behave as if it were short of memory, or no longer so.
func (b *Broker) Alarm(ctx context.Context, on bool) error {
	if on {
		return b.execute(ctx, `rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})`)
	}
	return b.execute(ctx, `rabbit_alarm:clear_alarm({resource_limit, memory, node()})`)
}

// execute evaluates an Erlang expression whose value has to be ok.
func (b *Broker) execute(ctx context.Context, expression string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		return errors.New("the broker does not run")
	}
	result, err := b.shell.evaluate(ctx, expression)
	if err == nil && result != "ok" {
		err = fmt.Errorf("%s: %s", expression, result)
	}
	return err
}

// close ends everything that open started.
func (b *Broker) close(ctx context.Context) error {
	err := b.Stop(ctx)
	if b.epmd != nil {
		b.epmd.Kill()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}
