package credentials_test

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
)

// codeAt is what an authenticator app shows.
func codeAt(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	require.NoError(t, err)
	return code
}

// withTOTP stores a user's secret. The next code that counts is that of half
// a minute later.
func withTOTP(t *testing.T, s *credentials.Store, c *clock, id uuid.UUID) (secret string) {
	t.Helper()
	secret = credentials.NewTOTPSecret()
	stored, err := s.StoreTOTP(t.Context(), user, id, secret, codeAt(t, secret, c.now()))
	require.NoError(t, err)
	require.True(t, stored)
	return secret
}

func TestCodesOfAnAuthenticatorApp(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	verify := func(user, id uuid.UUID, code string) bool {
		t.Helper()
		right, err := s.VerifyTOTP(t.Context(), user, id, code)
		require.NoError(t, err)
		return right
	}
	secret := withTOTP(t, s, c, first)
	require.False(t, verify(user, first, codeAt(t, secret, c.now())), "the code that showed the app works has been used")
	c.forward(credentials.TOTPPeriod)
	code := codeAt(t, secret, c.now())
	for _, wrong := range []string{"", "000", code + "0", code[:5], "abcdef", codeAt(t, credentials.NewTOTPSecret(), c.now())} {
		require.False(t, verify(user, first, wrong), wrong)
	}
	require.False(t, verify(someone, first, code))
	require.False(t, verify(user, second, code))
	require.True(t, verify(user, first, code[:3]+" "+code[3:]))
	require.False(t, verify(user, first, code), "a second time")

	early := codeAt(t, secret, c.now().Add(credentials.TOTPPeriod))
	require.True(t, verify(user, first, early), "of a clock that is half a minute fast")
	c.forward(credentials.TOTPPeriod)
	require.False(t, verify(user, first, early), "in its own time again")
	c.forward(3 * credentials.TOTPPeriod)
	late, later := codeAt(t, secret, c.now().Add(-credentials.TOTPPeriod)), codeAt(t, secret, c.now().Add(-2*credentials.TOTPPeriod))
	require.False(t, verify(user, first, later), "too old")
	require.False(t, verify(user, first, codeAt(t, secret, c.now().Add(2*credentials.TOTPPeriod))), "too new")
	now := codeAt(t, secret, c.now())
	require.True(t, verify(user, first, now))
	require.False(t, verify(user, first, late), "older than one that was used")

	_, err := reopen(t, pool, c, bytes.Repeat([]byte{8}, 32)).VerifyTOTP(t.Context(), user, first, now)
	require.ErrorContains(t, err, "does not open")
	var stored []byte
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT wrapped FROM totp_secrets").Scan(&stored))
	require.NotContains(t, string(stored), secret)
}

func TestACodeCountsOnceAmongMany(t *testing.T) {
	t.Parallel()
	s, _, c := open(t)
	secret := withTOTP(t, s, c, first)
	for range 3 {
		c.forward(credentials.TOTPPeriod)
		code := codeAt(t, secret, c.now())
		var won atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				right, err := s.VerifyTOTP(t.Context(), user, first, code)
				if err == nil && right {
					won.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, won.Load())
	}
}

func TestLifeOfAnAuthenticatorSecret(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	secret := credentials.NewTOTPSecret()
	require.Len(t, secret, 32)
	require.NotEqual(t, secret, credentials.NewTOTPSecret())
	stored, err := s.StoreTOTP(t.Context(), user, first, secret, "000000x")
	require.NoError(t, err)
	require.False(t, stored, "an app that does not show the right codes is of no use")
	require.Equal(t, 0, count(t, pool, "totp_secrets"))

	stored, err = s.StoreTOTP(t.Context(), user, first, secret, codeAt(t, secret, c.now()))
	require.NoError(t, err)
	require.True(t, stored)
	require.NoError(t, s.DropTOTP(t.Context(), user, first))
	require.Equal(t, 0, count(t, pool, "totp_secrets"))

	withTOTP(t, s, c, second)
	secret = withTOTP(t, s, c, first)
	named(t, pool, "totp_secrets", first)
	require.NoError(t, s.DropTOTP(t.Context(), user, first))
	require.Equal(t, 2, count(t, pool, "totp_secrets"), "only what no event names is dropped")
	c.forward(31 * 24 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 1, count(t, pool, "totp_secrets"))
	right, err := s.VerifyTOTP(t.Context(), user, first, codeAt(t, secret, c.now()))
	require.NoError(t, err)
	require.True(t, right)
}
