package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/config"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/sql/db"
)

func TestOfManyFirstStartsOneTokenIsValid(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	const starts = 8
	tokens, errs := make(chan string, starts), make(chan error, starts)
	for range starts {
		go func() {
			token, err := ensureOperatorToken(t.Context(), db.New(pool), "")
			tokens <- token
			errs <- err
		}()
	}
	var made []string
	for range starts {
		require.NoError(t, <-errs)
		if token := <-tokens; token != "" {
			made = append(made, token)
		}
	}
	require.Len(t, made, 1)
	require.Regexp(t, printedToken, made[0])
	credential := startCredential(t, db.New(pool))
	require.True(t, credential.VerifyOperator(made[0]))

	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT encode(token_hash, 'escape') FROM operator_token").Scan(&stored))
	require.NotContains(t, stored, made[0])
}

func startCredential(t *testing.T, q *db.Queries) *operatorCredential {
	t.Helper()
	credential := newOperatorCredential(q, slog.New(slog.DiscardHandler))
	credential.every = time.Millisecond
	require.NoError(t, credential.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, credential.Stop(t.Context())) })
	return credential
}

func TestAConfiguredTokenWins(t *testing.T) {
	t.Parallel()
	queries := db.New(postgrestest.New(t))
	old, err := ensureOperatorToken(t.Context(), queries, "")
	require.NoError(t, err)
	made, err := ensureOperatorToken(t.Context(), queries, "brought-along-token")
	require.NoError(t, err)
	require.Empty(t, made)
	credential := startCredential(t, queries)
	require.True(t, credential.VerifyOperator("brought-along-token"))
	require.False(t, credential.VerifyOperator(old))
	require.False(t, credential.VerifyOperator(""))
}

func TestARotatedTokenReachesRunningNodes(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	credential := startCredential(t, db.New(pool))
	require.False(t, credential.VerifyOperator(""), "without a token nobody is the operator")

	var previous string
	for range 2 {
		code, token, stderr := invoke(t, []string{"TANSU_POSTGRES_DSN=" + dsn}, "operator", "rotate-token")
		require.Zero(t, code, stderr)
		token = token[:len(token)-1]
		require.Eventually(t, func() bool { return credential.VerifyOperator(token) }, time.Minute, time.Millisecond)
		require.False(t, credential.VerifyOperator(previous))
		previous = token
	}
}

func TestATokenThatIsSwitchedOffStaysOff(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	queries := db.New(pool)
	_, err = ensureOperatorToken(t.Context(), queries, "brought-along-token")
	require.NoError(t, err)
	credential := startCredential(t, queries)
	require.True(t, credential.VerifyOperator("brought-along-token"))

	env := []string{"TANSU_POSTGRES_DSN=" + dsn}
	code, _, stderr := invoke(t, env, "operator", "disable-token")
	require.Zero(t, code, stderr)
	require.Eventually(t, func() bool { return !credential.VerifyOperator("brought-along-token") }, time.Minute, time.Millisecond)
	require.False(t, credential.VerifyOperator(""))
	for _, configured := range []config.Secret{"", "brought-along-token"} { // nodes that start
		made, err := ensureOperatorToken(t.Context(), queries, configured)
		require.NoError(t, err)
		require.Empty(t, made)
		require.False(t, startCredential(t, queries).VerifyOperator("brought-along-token"))
	}

	code, token, stderr := invoke(t, env, "operator", "rotate-token")
	require.Zero(t, code, stderr)
	require.Eventually(t, func() bool { return credential.VerifyOperator(token[:len(token)-1]) }, time.Minute, time.Millisecond)
}
