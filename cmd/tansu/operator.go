package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
	"tansu.cloud/sql/db"
)

func newOperatorCommand(a *app) *cobra.Command {
	rotate := a.command(cobra.Command{
		Use:   "rotate-token",
		Short: "Make a new operator token and print it; the old one ends",
		Long: "Works on the database itself, so it needs no token. Running nodes accept the new token\n" +
			"within 5 seconds. A node that starts with TANSU_OPERATOR_TOKEN sets that one again.",
	}, config.Default(), func(ctx context.Context, flags *pflag.FlagSet) error {
		cfg, err := a.settings(config.Default(), flags)
		if err != nil {
			return err
		}
		dsn, err := directDSN(cfg)
		if err != nil {
			return err
		}
		return a.rotateToken(ctx, dsn)
	})
	return noun(cobra.Command{Use: "operator", Short: "The credential of the installation's owner"}, rotate)
}

func (a *app) rotateToken(ctx context.Context, dsn string) (err error) {
	if err := requireSchema(ctx, dsn); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	token := newOperatorToken()
	if err := db.New(conn).SetOperatorToken(ctx, hashToken(token)); err != nil {
		return fmt.Errorf("store the operator token: %w", err)
	}
	_, err = fmt.Fprintln(a.stdout, token)
	return err
}
