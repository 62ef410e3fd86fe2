package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
	"tansu.cloud/platform/telemetry"
)

func newServeCommand(a *app) *cobra.Command {
	return a.command(cobra.Command{
		Use:   "serve",
		Short: "Run a node on a database of your own",
		Long: "Serve runs until SIGINT or SIGTERM and then stops in order; a second signal stops at once.\n" +
			"The schema must be there: run tansu migrate first.",
	}, config.Default(), func(ctx context.Context, flags *pflag.FlagSet) error {
		cfg, err := a.settings(config.Default(), flags, "postgres.dsn", "master_key")
		if err != nil {
			return err
		}
		return a.serve(ctx, cfg)
	})
}

func (a *app) serve(ctx context.Context, cfg config.Config) (err error) {
	t, stopTelemetry, err := a.startTelemetry(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopTelemetry()) }()
	listener, err := listen(ctx, cfg.HTTP.Addr)
	if err != nil {
		return err
	}
	n := newNode(cfg, t)
	n.listen(listener)
	if err := requireSchema(ctx, cfg.Postgres.Direct().Reveal()); err != nil {
		return errors.Join(err, n.stop(ctx))
	}
	if err := n.start(ctx, false); err != nil {
		return err
	}
	t.Logger().InfoContext(ctx, "serving", "addr", listener.Addr().String(), "version", version)
	select {
	case <-ctx.Done():
		t.Logger().InfoContext(ctx, "stopping")
	case err = <-n.http.failed:
	}
	stopCtx, cancel := a.stopContext(ctx)
	defer cancel()
	return errors.Join(err, n.stop(stopCtx))
}

func (a *app) startTelemetry(ctx context.Context, cfg config.Config) (*telemetry.Telemetry, func() error, error) {
	t, err := telemetry.Start(ctx, telemetry.Config{
		Service:      "tansu",
		Version:      version,
		NodeID:       cfg.NodeID,
		LogLevel:     cfg.Log.Level,
		LogFormat:    cfg.Log.Format,
		LogOutput:    a.stderr,
		OTLPEndpoint: cfg.OTLP.Endpoint,
	})
	if err != nil {
		return nil, nil, err
	}
	return t, func() error {
		ctx, cancel := a.stopContext(ctx)
		defer cancel()
		return t.Stop(ctx)
	}, nil
}
