package credentials_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
)

func TestSecretsAreRotated(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	owner := user
	live := func(of uuid.UUID, text string) bool {
		t.Helper()
		same, err := s.VerifySecret(t.Context(), tenant, of, text)
		require.NoError(t, err)
		return same
	}
	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	texts := []string{credentials.NewSecret(), credentials.NewSecret(), credentials.NewSecret()}
	require.Regexp(t, `^tss_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$`, texts[0])

	require.NoError(t, s.StoreSecret(t.Context(), tenant, owner, ids[0], texts[0]))
	require.False(t, live(owner, texts[0]), "no event names it yet")
	require.NoError(t, s.KeepSecret(t.Context(), tenant, owner, ids[0], 1))
	require.True(t, live(owner, texts[0]))
	require.False(t, live(someone, texts[0]))
	require.False(t, live(owner, texts[1]))
	require.False(t, live(owner, texts[0]+"x"))

	c.forward(time.Second)
	rotate := func(to int) {
		t.Helper()
		require.NoError(t, s.StoreSecret(t.Context(), tenant, owner, ids[to], texts[to]))
		require.NoError(t, s.KeepSecret(t.Context(), tenant, owner, ids[to], int64(to+1)))
		require.NoError(t, s.RetireSecrets(t.Context(), tenant, owner, int64(to+1), c.now().Add(time.Hour)))
		c.forward(time.Second)
	}
	rotate(1)
	require.True(t, live(owner, texts[0]) && live(owner, texts[1]))
	rotate(2)
	require.True(t, !live(owner, texts[0]) && live(owner, texts[1]) && live(owner, texts[2]), "two at a time")

	require.NoError(t, s.KeepSecret(t.Context(), tenant, owner, ids[1], 2), "again")
	c.forward(time.Hour)
	require.True(t, !live(owner, texts[1]) && live(owner, texts[2]))
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 1, count(t, pool, "client_secrets"))

	require.NoError(t, s.DropSecret(t.Context(), tenant, owner, ids[2]))
	require.True(t, live(owner, texts[2]), "only what no event names is dropped")

	// A rotation whose answer was slow puts nothing off.
	require.NoError(t, s.RetireSecrets(t.Context(), tenant, owner, 4, c.now()))
	require.NoError(t, s.RetireSecrets(t.Context(), tenant, owner, 4, c.now().Add(time.Hour)))
	require.False(t, live(owner, texts[2]))
}

// Whoever rotates twice, without an overlap the second time, has only the newest
// secret left: what leaked first does not outlive that.
func TestRetiringEndsWhatWasRetiredBefore(t *testing.T) {
	t.Parallel()
	s, _, c := open(t)
	var ids []uuid.UUID
	var texts []string
	for i, overlap := range []time.Duration{0, 24 * time.Hour, 0} {
		ids, texts = append(ids, uuid.New()), append(texts, credentials.NewSecret())
		require.NoError(t, s.StoreSecret(t.Context(), tenant, user, ids[i], texts[i]))
		require.NoError(t, s.KeepSecret(t.Context(), tenant, user, ids[i], int64(i+1)))
		if i > 0 {
			require.NoError(t, s.RetireSecrets(t.Context(), tenant, user, int64(i+1), c.now().Add(overlap)))
		}
		c.forward(time.Minute)
	}
	for i, want := range []bool{false, false, true} {
		same, err := s.VerifySecret(t.Context(), tenant, user, texts[i])
		require.NoError(t, err)
		require.Equal(t, want, same, "secret %d", i)
	}
}

// Of two rotations at once the log says which one was last, in whatever order the
// secrets were made and the requests go on.
func TestRotationsAtOnce(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]int64{"in order": {2, 3}, "the last one first": {3, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, c := open(t)
			ids, texts := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}, []string{credentials.NewSecret(), credentials.NewSecret(), credentials.NewSecret()}
			for i, text := range texts {
				require.NoError(t, s.StoreSecret(t.Context(), tenant, user, ids[i], text))
				c.forward(time.Second)
			}
			require.NoError(t, s.KeepSecret(t.Context(), tenant, user, ids[0], 1))
			named := map[int64]uuid.UUID{2: ids[2], 3: ids[1]} // what was made last was named first
			for _, position := range order {
				require.NoError(t, s.KeepSecret(t.Context(), tenant, user, named[position], position))
			}
			for _, position := range order {
				require.NoError(t, s.RetireSecrets(t.Context(), tenant, user, position, c.now()))
			}
			for i, want := range []bool{false, true, false} {
				holds, err := s.VerifySecret(t.Context(), tenant, user, texts[i])
				require.NoError(t, err)
				require.Equal(t, want, holds, "secret %d", i)
			}
		})
	}
}

func TestRefusedSecretIsDropped(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	require.NoError(t, s.StoreSecret(t.Context(), tenant, user, first, credentials.NewSecret()))
	require.NoError(t, s.DropSecret(t.Context(), tenant, user, first))
	require.Equal(t, 0, count(t, pool, "client_secrets"))
	require.ErrorIs(t, s.KeepSecret(t.Context(), tenant, user, first, 1), credentials.ErrNotStored)

	require.NoError(t, s.StoreSecret(t.Context(), tenant, user, second, credentials.NewSecret()))
	c.forward(31 * 24 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 0, count(t, pool, "client_secrets"))
}
