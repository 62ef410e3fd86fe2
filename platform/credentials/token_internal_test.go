package credentials

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseToken: nothing panics, and each token has one spelling.
func FuzzParseToken(f *testing.F) {
	f.Add(strings.Repeat("A", 64))
	f.Add(strings.Repeat("\r\n", 32))
	f.Add(strings.Repeat("_-", 32))
	f.Fuzz(func(t *testing.T, token string) {
		tenant, secret, err := parseToken(token)
		if err != nil {
			require.ErrorIs(t, err, ErrTokenUnknown)
			return
		}
		require.Equal(t, token, base64.RawURLEncoding.EncodeToString(append(secret[:randomBytes:randomBytes], tenant[:]...)))
	})
}
