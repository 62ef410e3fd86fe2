package credentials_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
)

func TestSessionLivesWhileItIsUsed(t *testing.T) {
	t.Parallel()
	s, _, c := open(t)
	began := c.now()
	token, err := s.OpenSession(t.Context(), first, user, time.Hour, 3*time.Hour)
	require.NoError(t, err)
	look := func() credentials.BrowserSession {
		t.Helper()
		got, err := s.SessionByToken(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, first, got.ID)
		require.Equal(t, user, got.User)
		require.True(t, began.Equal(got.AuthTime))
		return got
	}
	require.True(t, began.Add(time.Hour).Equal(look().ExpiresAt))
	c.forward(59 * time.Second)
	require.True(t, began.Add(time.Hour).Equal(look().ExpiresAt), "not written every time")
	c.forward(time.Second)
	require.True(t, began.Add(time.Hour+time.Minute).Equal(look().ExpiresAt))
	for range 3 {
		c.forward(50 * time.Minute)
		look()
	}
	require.True(t, began.Add(3*time.Hour).Equal(look().ExpiresAt), "never past its end")
	c.forward(29 * time.Minute)
	_, err = s.SessionByToken(t.Context(), token)
	require.ErrorIs(t, err, credentials.ErrSessionUnknown)
}

func TestIdleSessionEnds(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	token, err := s.OpenSession(t.Context(), first, user, time.Hour, 3*time.Hour)
	require.NoError(t, err)
	c.forward(time.Hour)
	_, err = s.SessionByToken(t.Context(), token)
	require.ErrorIs(t, err, credentials.ErrSessionUnknown)
	c.forward(time.Second)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 0, count(t, pool, "browser_sessions"))
}

func TestTokensThatAreNone(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t)
	token, err := s.OpenSession(t.Context(), first, user, time.Hour, time.Hour)
	require.NoError(t, err)
	_, err = s.SessionByToken(t.Context(), token)
	require.NoError(t, err)
	for _, bad := range []string{"", "x", token[1:], token + "\n", token + "=", strings.Repeat("A", 43)} {
		_, err := s.SessionByToken(t.Context(), bad)
		require.ErrorIs(t, err, credentials.ErrSessionUnknown, "%q", bad)
	}
}
