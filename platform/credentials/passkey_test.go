package credentials_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
)

func TestPasskeys(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	key := credentials.Passkey{ID: first, CredentialID: []byte("credential"), Record: []byte("public key"), SignCount: 3}
	require.NoError(t, s.StorePasskey(t.Context(), user, key))
	require.NoError(t, s.DropPasskey(t.Context(), user, first))
	require.Equal(t, 0, count(t, pool, "passkey_credentials"))

	require.NoError(t, s.StorePasskey(t.Context(), user, key))
	named(t, pool, "passkey_credentials", first)
	again := key
	again.ID = second
	require.ErrorIs(t, s.StorePasskey(t.Context(), someone, again), credentials.ErrPasskeyTaken)
	keys, err := s.Passkeys(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, []credentials.Passkey{key}, keys)
	keys, err = s.Passkeys(t.Context(), someone)
	require.NoError(t, err)
	require.Empty(t, keys)

	// A row that was moved to another user does not open.
	_, err = pool.Exec(t.Context(), "UPDATE passkey_credentials SET user_id = $1", someone)
	require.NoError(t, err)
	_, err = s.Passkeys(t.Context(), someone)
	require.ErrorContains(t, err, "does not open")
	_, err = pool.Exec(t.Context(), "UPDATE passkey_credentials SET user_id = $1", user)
	require.NoError(t, err)

	require.NoError(t, s.UsePasskey(t.Context(), user, first, 4))
	key.SignCount, key.LastUsedAt = 4, c.now()
	keys, err = s.Passkeys(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, []credentials.Passkey{key}, keys)
	require.NoError(t, s.DropPasskey(t.Context(), user, first))
	require.Equal(t, 1, count(t, pool, "passkey_credentials"), "only what no event names is dropped")
}

func TestCopiedPasskeys(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t)
	require.NoError(t, s.StorePasskey(t.Context(), user, credentials.Passkey{ID: first, CredentialID: []byte("counts"), SignCount: 7}))
	require.NoError(t, s.StorePasskey(t.Context(), user, credentials.Passkey{ID: second, CredentialID: []byte("does not count")}))
	for range 3 {
		require.NoError(t, s.UsePasskey(t.Context(), user, second, 0))
	}
	require.NoError(t, s.UsePasskey(t.Context(), user, second, 1), "begins to count")

	require.NoError(t, s.UsePasskey(t.Context(), user, first, 8))
	var won atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if s.UsePasskey(t.Context(), user, first, 9) == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	require.ErrorIs(t, s.UsePasskey(t.Context(), user, first, 10), credentials.ErrPasskeyCloned, "from then on it never counts")
	require.ErrorIs(t, s.UsePasskey(t.Context(), user, second, 0), credentials.ErrPasskeyCloned, "back to not counting")
	keys, err := s.Passkeys(t.Context(), user)
	require.NoError(t, err)
	require.True(t, keys[0].Cloned && keys[1].Cloned)
}

func TestChallengesAreAnsweredOnce(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	var won atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if fresh, err := s.SpendChallenge(t.Context(), []byte("challenge"), c.now().Add(time.Minute)); err == nil && fresh {
				won.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	fresh, err := s.SpendChallenge(t.Context(), []byte("another"), c.now().Add(time.Hour))
	require.NoError(t, err)
	require.True(t, fresh)
	c.forward(2 * time.Minute)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 1, count(t, pool, "spent_challenges"))
}
