package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
	"tansu.cloud/platform/embedded"
	"tansu.cloud/platform/mail"
)

// devDefaults: nobody balances load over a laptop, and a person reads the log.
func devDefaults() config.Config {
	cfg := config.Default()
	cfg.NodeID = "dev" // one process per data folder: a restart takes its own leases at once
	cfg.HTTP.DrainDelay = 0
	cfg.Log.Format = "text"
	cfg.Log.Level = "warn"
	return cfg
}

func newDevCommand(a *app) *cobra.Command {
	return a.command(cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine, with a private PostgreSQL",
		Long: "Dev keeps all data in one folder (--data-dir) and makes what is missing: the database, its\n" +
			"schema, keys, and at the first start an operator token, which it prints once.\n" +
			"It runs until SIGINT or SIGTERM and then stops in order; a second signal stops at once.",
	}, devDefaults(), func(ctx context.Context, flags *pflag.FlagSet) error {
		cfg, err := a.settings(devDefaults(), flags)
		if err != nil {
			return err
		}
		return a.dev(ctx, cfg)
	})
}

func (a *app) dev(ctx context.Context, cfg config.Config) (err error) {
	t, stopTelemetry, err := a.startTelemetry(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopTelemetry()) }()
	listener, err := listen(ctx, cfg.HTTP.Addr)
	if err != nil {
		return errors.Join(err, inUse(cfg.DataDir))
	}
	n := newNode(cfg, t)
	n.mailbox = mail.NewMailbox()
	n.listen(listener)

	postgres, err := a.startPostgres(ctx, &n.cfg, t.Logger())
	if err != nil {
		return errors.Join(err, n.stop(ctx))
	}
	defer func() {
		stopCtx, cancel := a.stopContext(ctx)
		defer cancel()
		err = errors.Join(err, postgres.stop(stopCtx))
	}()
	if err := prepareDev(ctx, &n.cfg, t.Logger()); err != nil {
		return errors.Join(err, n.stop(ctx))
	}
	if err := n.start(ctx, true); err != nil {
		return err
	}
	watched, end := context.WithCancel(ctx)
	supervision := make(chan error, 1)
	go func() {
		defer end()
		supervision <- superviseDev(watched, n, postgres, t.Logger())
	}()
	signIn, err := n.demo(watched)
	if err == nil {
		a.printBox(n, signIn, postgres)
	} else if watched.Err() != nil {
		err = nil // the end of the supervision says why
	} else {
		end()
	}
	err = errors.Join(err, <-supervision)
	stopCtx, cancel := a.stopContext(ctx)
	defer cancel()
	return errors.Join(err, n.stop(stopCtx))
}

// inUse tells of a second reason besides a busy port, the likely one: another
// tansu dev.
func inUse(dataDir string) error {
	if holder := embedded.InUse(dataDir); holder != nil {
		return holder
	}
	return nil
}

// prepareDev makes what `tansu serve` expects to be there.
func prepareDev(ctx context.Context, cfg *config.Config, logger *slog.Logger) error {
	if err := applyMigrations(ctx, cfg.Postgres.Direct().Reveal(), logger); err != nil {
		return err
	}
	if cfg.MasterKey != "" {
		return nil
	}
	key, err := loadOrMakeMasterKey(filepath.Join(cfg.DataDir, "master.key"))
	cfg.MasterKey = key
	return err
}

// devPostgres is the private server, or nothing where a DSN was given.
type devPostgres struct{ server *embedded.Server }

func (a *app) startPostgres(ctx context.Context, cfg *config.Config, logger *slog.Logger) (devPostgres, error) {
	if cfg.Postgres.DSN != "" {
		return devPostgres{}, os.MkdirAll(cfg.DataDir, 0o700)
	}
	server, err := embedded.Start(ctx, embedded.Config{
		DataDir:  cfg.DataDir,
		BinDir:   cfg.Postgres.Bin,
		CacheDir: cacheDir(),
		Logger:   logger,
	})
	if err != nil {
		return devPostgres{}, err
	}
	cfg.Postgres.DSN, cfg.Postgres.DirectDSN = config.Secret(server.DSN()), ""
	return devPostgres{server}, nil
}

// cacheDir keeps downloads. Root's is open to the account that PostgreSQL runs as.
func cacheDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/tansu"
	}
	return filepath.Join(xdg.CacheHome, "tansu")
}

func (p devPostgres) stop(ctx context.Context) error {
	if p.server == nil {
		return nil
	}
	return p.server.Stop(ctx)
}

func (p devPostgres) exited() <-chan struct{} {
	if p.server == nil {
		return nil
	}
	return p.server.Exited()
}

const (
	maxRestarts   = 3 // of PostgreSQL within restartWindow
	restartWindow = time.Minute
)

// superviseDev returns when it is time to stop. A PostgreSQL that dies is
// started again, unless it keeps dying.
func superviseDev(ctx context.Context, n *node, postgres devPostgres, logger *slog.Logger) error {
	var restarts []time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-n.http.failed:
			return err
		case <-postgres.exited():
		}
		for len(restarts) > 0 && time.Since(restarts[0]) > restartWindow {
			restarts = restarts[1:]
		}
		if len(restarts) == maxRestarts {
			return fmt.Errorf("PostgreSQL ended %d times within %s; its log is %s", maxRestarts+1, restartWindow, postgres.server.LogFile())
		}
		restarts = append(restarts, time.Now())
		logger.ErrorContext(ctx, "PostgreSQL has ended; starting it again", "log", postgres.server.LogFile())
		if err := postgres.server.Restart(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// printBox is all that a person needs to go on.
func (a *app) printBox(n *node, signIn string, postgres devPostgres) {
	url := n.cfg.Issuer()
	box := table.NewWriter()
	box.SetStyle(table.StyleRounded)
	box.Style().Options.SeparateHeader = false
	box.SetTitle("Tansu %s is running. Ctrl-C stops it.", version)
	box.AppendRow(table.Row{"API", url})
	box.AppendRow(table.Row{"Documentation", url + "/docs"})
	if signIn != "" {
		box.AppendRow(table.Row{"Sign in", signIn})
		box.AppendRow(table.Row{"", "once, within 15 minutes, as " + demoEmail + "; another link at each start"})
	}
	if n.mailbox != nil {
		box.AppendRow(table.Row{"Mailbox", url + mail.MailboxPath})
	}
	box.AppendRow(table.Row{"Data folder", n.cfg.DataDir})
	if postgres.server != nil {
		box.AppendRow(table.Row{"PostgreSQL", postgres.server.Version() + ", log in " + postgres.server.LogFile()})
	}
	switch {
	case n.madeToken != "":
		box.AppendRow(table.Row{"Operator token", n.madeToken})
		box.AppendRow(table.Row{"", "shown only now; keep it in TANSU_TOKEN"})
	case n.cfg.OperatorToken != "":
		box.AppendRow(table.Row{"Operator token", "as configured (TANSU_OPERATOR_TOKEN)"})
	default:
		box.AppendRow(table.Row{"Operator token", "shown at the first start; lost it? tansu operator rotate-token"})
	}
	fmt.Fprintln(a.stdout, box.Render())
}
