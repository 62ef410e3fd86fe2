package credentials_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
)

func verifies(t testing.TB, s *credentials.Store, user, id uuid.UUID, password string) bool {
	t.Helper()
	same, err := s.VerifyPassword(t.Context(), user, id, password)
	require.NoError(t, err)
	return same
}

func TestPasswordVerifies(t *testing.T) {
	t.Parallel()
	s, pool, _ := open(t)
	require.NoError(t, s.SetPassword(t.Context(), user, first, "correct horse é"))

	require.True(t, verifies(t, s, user, first, "correct horse é"), "before anything was noted of its event")
	require.True(t, verifies(t, s, user, first, "correct horse e\u0301"), "composed differently by another keyboard")
	require.False(t, verifies(t, s, user, first, "correct horse e"))
	require.False(t, verifies(t, s, user, second, "correct horse é"), "another id")
	require.False(t, verifies(t, s, someone, first, "correct horse é"), "another user")
	require.False(t, verifies(t, s, user, uuid.Nil, ""), "a user without a password")
	require.False(t, verifies(t, s, user, first, strings.Repeat("x", 5000)))

	var stored []byte
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT wrapped FROM passwords").Scan(&stored))
	require.NotContains(t, string(stored), "argon2id", "wrapped")
}

func TestPasswordDoesNotOpenElsewhere(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	require.NoError(t, s.SetPassword(t.Context(), user, first, "correct horse"))

	_, err := reopen(t, pool, c, []byte(strings.Repeat("k", 32))).VerifyPassword(t.Context(), user, first, "correct horse")
	require.ErrorContains(t, err, "does not open with this server's key")

	_, err = pool.Exec(t.Context(), "UPDATE passwords SET user_id = $1", someone)
	require.NoError(t, err)
	_, err = s.VerifyPassword(t.Context(), someone, first, "correct horse")
	require.ErrorContains(t, err, "does not open", "a row moved to another user")
}

func TestPasswordThatNoEventNamesGoes(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	require.NoError(t, s.SetPassword(t.Context(), user, first, "correct horse"))
	require.NoError(t, s.SetPassword(t.Context(), someone, second, "battery staple"))
	named(t, pool, "passwords", second)

	c.forward(31 * 24 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 1, count(t, pool, "passwords"))
	require.True(t, verifies(t, s, someone, second, "battery staple"))
}

func TestOnlyWhatNoEventNamesIsDropped(t *testing.T) {
	t.Parallel()
	s, pool, _ := open(t)
	require.NoError(t, s.SetPassword(t.Context(), user, first, "correct horse"))
	named(t, pool, "passwords", first)
	require.NoError(t, s.SetPassword(t.Context(), user, second, "battery staple"))
	require.NoError(t, s.DropPassword(t.Context(), user, first))
	require.NoError(t, s.DropPassword(t.Context(), user, second))
	require.Equal(t, 1, count(t, pool, "passwords"))
	require.True(t, verifies(t, s, user, first, "correct horse"))
	require.ErrorIs(t, s.SetPassword(t.Context(), user, first, strings.Repeat("x", 1025)), credentials.ErrPasswordTooLong)
}
