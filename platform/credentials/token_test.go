package credentials_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
)

func TestTokenWorksOnce(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	token, err := s.Issue(t.Context(), credentials.Invite, tenant, first, second, time.Hour)
	require.NoError(t, err)
	require.Len(t, token, 64)
	want := credentials.OneTime{Tenant: tenant, Subject: first, ID: second, ExpiresAt: c.now().Add(time.Hour)}

	for range 2 {
		seen, err := s.Peek(t.Context(), credentials.Invite, token)
		require.NoError(t, err)
		seen.ExpiresAt = seen.ExpiresAt.UTC()
		require.Equal(t, want, seen)
	}
	_, err = s.Use(t.Context(), credentials.SignIn, token)
	require.ErrorIs(t, err, credentials.ErrTokenUnknown, "another purpose")
	used, err := s.Use(t.Context(), credentials.Invite, token)
	require.NoError(t, err)
	used.ExpiresAt = used.ExpiresAt.UTC()
	require.Equal(t, want, used)
	_, err = s.Use(t.Context(), credentials.Invite, token)
	require.ErrorIs(t, err, credentials.ErrTokenUsed)
	_, err = s.Peek(t.Context(), credentials.Invite, token)
	require.ErrorIs(t, err, credentials.ErrTokenUsed)

	var row string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT encode(hash, 'base64') FROM one_time_tokens").Scan(&row))
	require.NotContains(t, token, strings.TrimRight(row, "=")[:20], "only a hash is stored")
}

func TestOneOfManyUsersOfATokenWins(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t)
	for range 8 {
		token, err := s.Issue(t.Context(), credentials.SignIn, uuid.Nil, user, first, time.Hour)
		require.NoError(t, err)
		var won, used atomic.Int32
		var wait sync.WaitGroup
		start := make(chan struct{})
		for range 16 {
			wait.Go(func() {
				<-start
				switch _, err := s.Use(t.Context(), credentials.SignIn, token); err {
				case nil:
					won.Add(1)
				case credentials.ErrTokenUsed:
					used.Add(1)
				}
			})
		}
		close(start)
		wait.Wait()
		require.EqualValues(t, 1, won.Load())
		require.EqualValues(t, 15, used.Load())
	}
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	token, err := s.Issue(t.Context(), credentials.ResetPassword, uuid.Nil, user, first, time.Hour)
	require.NoError(t, err)
	c.forward(time.Hour)
	_, err = s.Use(t.Context(), credentials.ResetPassword, token)
	require.ErrorIs(t, err, credentials.ErrTokenExpired)
	_, err = s.Peek(t.Context(), credentials.ResetPassword, token)
	require.ErrorIs(t, err, credentials.ErrTokenExpired)

	c.forward(6 * 24 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 1, count(t, pool, "one_time_tokens"), "it can still say what became of it")
	c.forward(2 * 24 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 0, count(t, pool, "one_time_tokens"))
	_, err = s.Use(t.Context(), credentials.ResetPassword, token)
	require.ErrorIs(t, err, credentials.ErrTokenUnknown)
}

func TestRevokedTokensAreUnknown(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t)
	issue := func(purpose credentials.Purpose, subject uuid.UUID) string {
		token, err := s.Issue(t.Context(), purpose, uuid.Nil, subject, first, time.Hour)
		require.NoError(t, err)
		return token
	}
	used, open1, open2 := issue(credentials.ResetPassword, user), issue(credentials.ResetPassword, user), issue(credentials.ResetPassword, user)
	verify, others := issue(credentials.VerifyEmail, user), issue(credentials.ResetPassword, someone)
	_, err := s.Use(t.Context(), credentials.ResetPassword, used)
	require.NoError(t, err)
	require.NoError(t, s.Revoke(t.Context(), credentials.ResetPassword, uuid.Nil, user))

	for token, want := range map[string]error{
		used: credentials.ErrTokenUsed, open1: credentials.ErrTokenUnknown, open2: credentials.ErrTokenUnknown, others: nil,
	} {
		_, err := s.Peek(t.Context(), credentials.ResetPassword, token)
		require.ErrorIs(t, err, want)
	}
	_, err = s.Use(t.Context(), credentials.VerifyEmail, verify)
	require.NoError(t, err, "another purpose")
}

func TestTokensOfOthersAreUnknown(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	token, err := s.Issue(t.Context(), credentials.SignIn, uuid.Nil, user, first, time.Hour)
	require.NoError(t, err)
	last := byte('A')
	if token[63] == last {
		last = 'B'
	}
	for name, bad := range map[string]string{
		"nothing":        "",
		"cut":            token[:63],
		"longer":         token + "A",
		"another tenant": token[:63] + string(last),
		"another secret": strings.Repeat("A", 43) + token[43:],
		"a line break":   token[:30] + "\n" + token[31:],
		"not base64":     strings.Repeat("*", 64),
	} {
		_, err := s.Use(t.Context(), credentials.SignIn, bad)
		require.ErrorIs(t, err, credentials.ErrTokenUnknown, name)
	}
	_, err = reopen(t, pool, c, []byte(strings.Repeat("k", 32))).Use(t.Context(), credentials.SignIn, token)
	require.ErrorIs(t, err, credentials.ErrTokenUnknown, "another server's key")
	_, err = s.Use(t.Context(), credentials.SignIn, token)
	require.NoError(t, err)
}
