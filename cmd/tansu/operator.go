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
		token := newOperatorToken()
		if err := a.setOperatorToken(ctx, flags, hashToken(token)); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.stdout, token)
		return err
	})
	disable := a.command(cobra.Command{
		Use:   "disable-token",
		Short: "Switch the operator token off, until rotate-token makes another",
		Long: "For installations whose owners sign in as people. Works on the database itself, as\n" +
			"rotate-token does, which is the way back in. Running nodes refuse the token within 5\n" +
			"seconds, and starting nodes do not set the one of TANSU_OPERATOR_TOKEN.",
	}, config.Default(), func(ctx context.Context, flags *pflag.FlagSet) error {
		if err := a.setOperatorToken(ctx, flags, []byte{}); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.stdout, "The operator token is switched off; tansu operator rotate-token makes another.")
		return err
	})
	return noun(cobra.Command{Use: "operator", Short: "The credential of the installation's owner"}, rotate, disable)
}

// setOperatorToken stores the hash of the token that counts from now on.
func (a *app) setOperatorToken(ctx context.Context, flags *pflag.FlagSet, hash []byte) (err error) {
	cfg, err := a.settings(config.Default(), flags)
	if err != nil {
		return err
	}
	dsn, err := directDSN(cfg)
	if err != nil {
		return err
	}
	if err := requireSchema(ctx, dsn); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if err := db.New(conn).SetOperatorToken(ctx, hash); err != nil {
		return fmt.Errorf("store the operator token: %w", err)
	}
	return nil
}
