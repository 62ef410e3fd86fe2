package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tansu.cloud/cmd/tansu/bench"
	"tansu.cloud/commands"
	"tansu.cloud/platform/config"
	"tansu.cloud/platform/embedded"
	"tansu.cloud/projections"
)

func newBenchCommand(a *app) *cobra.Command {
	b := &bench.Bench{
		Progress: a.stderr, Serve: a.benchNode,
		Control: func(c *commands.Commands) projections.Control { return projectionControl{c} },
	}
	var output string
	cmd := noun(cobra.Command{
		Use:   "bench",
		Short: "Measure this machine against lines that anyone can repeat",
		Long: "Bench runs each case in alternation with its line and prints medians and the spread of the\n" +
			"ratio. It starts a private, durable PostgreSQL in a temporary folder, unless --dsn names a\n" +
			"migrated database of no other use.",
	})
	flags := cmd.PersistentFlags()
	flags.StringVar(&b.DSN, "dsn", "", "database to measure on; it is filled with test data")
	flags.StringVar(&b.AMQP, "amqp", "", "RabbitMQ that carries between two nodes in feed; without it they have NOTIFY only")
	flags.IntVar(&b.Rounds, "rounds", 5, "counted rounds per case")
	flags.DurationVar(&b.Duration, "duration", 2*time.Second, "length of a round")
	flags.StringVarP(&output, "output", "o", "table", "table or jsonl")

	all := []struct {
		name, short string
		run         func(context.Context) ([]bench.Result, error)
	}{
		{"append", "Appends with the full contract against single-row inserts", b.Append},
		{"replay", "Reading a log from the beginning against single-row inserts", b.Replay},
		{"project", "A projection with a row per event against single-row inserts", b.Project},
		{"rebuild", "Rebuilding a read model, and what live writers notice of it", b.Rebuild},
		{"command", "The create-tenant endpoint: HTTP to read model", b.Command},
		{"token", "The token endpoint: tokens of programs, and refreshes", b.Token},
		{"feed", "Live feeds: latency, deliveries, and what sockets cost", b.Feed},
	}
	action := func(names ...string) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "jsonl" {
				return usagef("--output is %q; use table or jsonl", output)
			}
			return a.bench(cmd.Context(), b, func(ctx context.Context) error {
				for _, c := range all {
					if len(names) > 0 && c.name != names[0] {
						continue
					}
					results, err := c.run(ctx)
					if err != nil {
						return fmt.Errorf("bench %s: %w", c.name, err)
					}
					if err := bench.Write(a.stdout, results, output == "jsonl"); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	for _, c := range all {
		cmd.AddCommand(&cobra.Command{Use: c.name, Short: c.short, Args: cobra.NoArgs, RunE: action(c.name), SilenceUsage: true, SilenceErrors: true})
	}
	cmd.AddCommand(&cobra.Command{Use: bench.AloneCommand, Hidden: true, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return b.Alone(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
	}})
	cmd.AddCommand(&cobra.Command{Use: "all", Short: "All of them", Args: cobra.NoArgs, RunE: action(), SilenceUsage: true, SilenceErrors: true})
	return cmd
}

// bench gives the benchmark a database for as long as run takes.
func (a *app) bench(ctx context.Context, b *bench.Bench, run func(context.Context) error) (err error) {
	if b.DSN == "" {
		dir, err := os.MkdirTemp("", "tansu-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		// Sizes that keep checkpoints out of short measurements.
		server, err := embedded.Start(ctx, embedded.Config{
			DataDir: dir, BinDir: a.getenv("TANSU_PG_BIN"), CacheDir: cacheDir(),
			Settings: map[string]string{"shared_buffers": "1GB", "max_wal_size": "8GB", "min_wal_size": "4GB", "max_connections": "200"},
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
		b.DSN = server.DSN()
		if err := applyMigrations(ctx, b.DSN, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
	}
	if err := b.Open(ctx); err != nil {
		return err
	}
	defer b.Close()
	return run(ctx)
}

// benchNode is a whole node in this process, on a port of its own.
func (a *app) benchNode(ctx context.Context, o bench.NodeOrder) (bench.Node, error) {
	cfg := config.Default()
	if o.AMQP != "" {
		cfg.Bus, cfg.AMQP.URL = "amqp", config.Secret(o.AMQP)
	}
	cfg.NodeID, cfg.Log.Level, cfg.HTTP.DrainDelay = cmp.Or(o.ID, "bench"), "error", 0
	cfg.Feeds.TenantConnections, cfg.Feeds.PrincipalConnections = 100_000, 100_000
	const never = 1_000_000_000 // are limits reached; they are counted all the same
	cfg.Limits = config.Limits{Read: never, Write: never, TenantRead: never, TenantWrite: never, Address: never, Login: never}
	cfg.Postgres.DSN = config.Secret(o.DSN)
	cfg.OperatorToken = config.Secret(cmp.Or(o.Token, newOperatorToken()))
	cfg.MasterKey = config.Secret(base64.StdEncoding.EncodeToString(make([]byte, 32)))
	t, stopTelemetry, err := a.startTelemetry(ctx, cfg)
	if err != nil {
		return bench.Node{}, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return bench.Node{}, errors.Join(err, stopTelemetry())
	}
	cfg.PublicURL = "http://" + listener.Addr().String()
	n := newNode(cfg, t)
	n.listen(listener)
	if err := n.start(ctx, false); err != nil {
		return bench.Node{}, errors.Join(err, stopTelemetry())
	}
	return bench.Node{
		URL: cfg.PublicURL, Token: cfg.OperatorToken.Reveal(), Log: n.parts.store, SignIn: n.demo,
		Stop: func() error { return errors.Join(n.stop(context.WithoutCancel(ctx)), stopTelemetry()) },
	}, nil
}
