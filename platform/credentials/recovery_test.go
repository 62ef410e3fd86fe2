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

func TestRecoveryCodesEachOnce(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t)
	codes := credentials.NewRecoveryCodes()
	require.Len(t, codes, 10)
	require.NoError(t, s.StoreRecoveryCodes(t.Context(), user, first, codes))
	use := func(user, set uuid.UUID, code string) bool {
		t.Helper()
		right, err := s.UseRecoveryCode(t.Context(), user, set, code)
		require.NoError(t, err)
		return right
	}
	require.False(t, use(someone, first, codes[0]))
	require.False(t, use(user, second, codes[0]))
	require.False(t, use(user, first, ""))
	require.False(t, use(user, first, credentials.NewRecoveryCodes()[0]))
	seen := map[string]bool{}
	for i, code := range codes {
		require.Regexp(t, `^[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}$`, code)
		require.False(t, seen[code])
		seen[code] = true
		left, err := s.RecoveryCodesLeft(t.Context(), user, first)
		require.NoError(t, err)
		require.Equal(t, 10-i, left)

		typed := " " + strings.ToUpper(strings.NewReplacer("-", " ", "0", "O", "1", "l").Replace(code))
		var won atomic.Int64
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if right, err := s.UseRecoveryCode(t.Context(), user, first, typed); err == nil && right {
					won.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, won.Load())
		require.False(t, use(user, first, code))
	}
}

func TestLifeOfRecoveryCodes(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	codes := credentials.NewRecoveryCodes()
	require.NoError(t, s.StoreRecoveryCodes(t.Context(), user, first, codes))
	require.NoError(t, s.DropRecoveryCodes(t.Context(), user, first))
	require.Equal(t, 0, count(t, pool, "recovery_codes"))

	require.NoError(t, s.StoreRecoveryCodes(t.Context(), user, first, codes))
	named(t, pool, "recovery_codes", first)
	require.NoError(t, s.StoreRecoveryCodes(t.Context(), user, second, credentials.NewRecoveryCodes()))
	require.NoError(t, s.DropRecoveryCodes(t.Context(), user, first))
	require.Equal(t, 20, count(t, pool, "recovery_codes"), "only what no event names is dropped")
	c.forward(31 * 24 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 10, count(t, pool, "recovery_codes"))
	right, err := s.UseRecoveryCode(t.Context(), user, first, codes[0])
	require.NoError(t, err)
	require.True(t, right)
}
