package credentials_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tansu.cloud/platform/credentials"
)

func TestAPIKeyVerifies(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	text, hash, hint := credentials.NewAPIKey(tenant, first)
	require.Regexp(t, `^tsk_[0-9A-Za-z]{43}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$`, text)
	require.Equal(t, text[len(text)-4:], hint)
	parsed, err := credentials.ParseAPIKey(text)
	require.NoError(t, err)
	require.Equal(t, credentials.APIKey{Tenant: tenant, ID: first, Hash: hash}, parsed)
	verifies := func(s *credentials.Store, key credentials.APIKey) bool {
		t.Helper()
		same, err := s.VerifyAPIKey(t.Context(), key)
		require.NoError(t, err)
		return same
	}
	require.False(t, verifies(s, parsed), "not stored yet")
	require.NoError(t, s.StoreAPIKey(t.Context(), tenant, first, hash))
	require.True(t, verifies(s, parsed))

	forged, _, _ := credentials.NewAPIKey(tenant, first)
	wrong, err := credentials.ParseAPIKey(forged)
	require.NoError(t, err)
	require.False(t, verifies(s, wrong), "another secret")
	require.False(t, verifies(s, credentials.APIKey{Tenant: other, ID: first, Hash: hash}), "another tenant")
	require.False(t, verifies(reopen(t, pool, c, []byte(strings.Repeat("k", 32))), parsed), "another server's key")
	_, err = pool.Exec(t.Context(), "UPDATE api_key_hashes SET tenant_id = $1", other)
	require.NoError(t, err)
	require.False(t, verifies(s, credentials.APIKey{Tenant: other, ID: first, Hash: hash}), "a row moved to another tenant")
}

func TestAPIKeyThatNoEventNamesGoes(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	_, hash, _ := credentials.NewAPIKey(tenant, first)
	require.NoError(t, s.StoreAPIKey(t.Context(), tenant, first, hash))
	require.NoError(t, s.StoreAPIKey(t.Context(), tenant, second, hash))
	named(t, pool, "api_key_hashes", second)
	c.forward(30 * 24 * time.Hour)
	same, err := s.VerifyAPIKey(t.Context(), credentials.APIKey{Tenant: tenant, ID: first, Hash: hash})
	require.NoError(t, err)
	require.False(t, same)
	c.forward(time.Second)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 1, count(t, pool, "api_key_hashes"))
	require.NoError(t, s.DeleteAPIKey(t.Context(), tenant, second))
	require.Equal(t, 0, count(t, pool, "api_key_hashes"))
}

func TestLastUseOfAPIKeys(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	for _, of := range []uuid.UUID{tenant, other} {
		for _, id := range []uuid.UUID{first, second} {
			require.NoError(t, s.StoreAPIKey(t.Context(), of, id, [32]byte{}))
		}
	}
	last := func(of uuid.UUID) map[uuid.UUID]time.Time {
		t.Helper()
		got, err := s.LastUsed(t.Context(), of, []uuid.UUID{first, second})
		require.NoError(t, err)
		for id, at := range got {
			got[id] = at.UTC()
		}
		return got
	}
	require.Empty(t, last(tenant))
	s.TouchAPIKey(tenant, first)
	c.forward(time.Second)
	s.TouchAPIKey(tenant, first)
	s.TouchAPIKey(other, second)
	require.Equal(t, map[uuid.UUID]time.Time{first: c.now()}, last(tenant), "before it is written")
	var written int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(last_used_at) FROM api_key_hashes").Scan(&written))
	require.Zero(t, written)

	// Run writes what is left when it ends.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ended))
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(last_used_at) FROM api_key_hashes").Scan(&written))
	require.Equal(t, 2, written)
	require.Equal(t, map[uuid.UUID]time.Time{first: c.now()}, last(tenant))
	require.Equal(t, map[uuid.UUID]time.Time{second: c.now()}, last(other))

	// Another process is behind.
	before := c.now()
	late := reopen(t, pool, &clock{at: before.Add(-time.Hour)}, key)
	late.TouchAPIKey(tenant, first)
	require.NoError(t, late.Flush(t.Context()))
	require.Equal(t, map[uuid.UUID]time.Time{first: before}, last(tenant))
}

func TestMalformedAPIKeys(t *testing.T) {
	t.Parallel()
	text, _, _ := credentials.NewAPIKey(tenant, first)
	for i := range len(text) { // the checksum finds each single mistake
		for _, c := range []byte{'0', 'Z', '_', ' ', 0xff} {
			if bad := text[:i] + string([]byte{c}) + text[i+1:]; bad != text {
				_, err := credentials.ParseAPIKey(bad)
				require.ErrorIs(t, err, credentials.ErrMalformed, bad)
			}
		}
	}
	for _, bad := range []string{"", "tsk_", "tsk___", text[:len(text)-1], text + "0", " " + text, credentials.NewSecret(), strings.ToUpper(text)} {
		_, err := credentials.ParseAPIKey(bad)
		require.ErrorIs(t, err, credentials.ErrMalformed, bad)
	}
}

func TestEveryIDMakesAnAPIKeyAndAClientID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tenant := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "tenant"))
		id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		text, hash, _ := credentials.NewAPIKey(tenant, id)
		parsed, err := credentials.ParseAPIKey(text)
		require.NoError(t, err)
		require.Equal(t, credentials.APIKey{Tenant: tenant, ID: id, Hash: hash}, parsed)

		client := credentials.ServiceAccountClientID(tenant, id)
		require.Len(t, client, 47)
		gotTenant, gotID, err := credentials.ParseServiceAccountClientID(client)
		require.NoError(t, err)
		require.Equal(t, []uuid.UUID{tenant, id}, []uuid.UUID{gotTenant, gotID})
	})
}

// FuzzParseAPIKey: nothing panics, and each key has one spelling.
func FuzzParseAPIKey(f *testing.F) {
	text, _, _ := credentials.NewAPIKey(uuid.Max, uuid.Nil)
	f.Add(text)
	f.Add("tsk_" + strings.Repeat("Z", 43) + "_" + strings.Repeat("0", 43) + "_000000")
	f.Add("tsk__" + strings.Repeat("-", 86) + "_")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := credentials.ParseAPIKey(text)
		if err != nil {
			require.ErrorIs(t, err, credentials.ErrMalformed)
			return
		}
		same, _, _ := credentials.NewAPIKey(key.Tenant, key.ID)
		require.Equal(t, same[:47], text[:47])
		require.Len(t, text, len(same))
	})
}

func FuzzParseServiceAccountClientID(f *testing.F) {
	f.Add(credentials.ServiceAccountClientID(uuid.Max, uuid.Max))
	f.Add("tsa_+" + strings.Repeat("0", 42))
	f.Add("tsa_" + strings.Repeat("Z", 43))
	f.Fuzz(func(t *testing.T, text string) {
		tenant, id, err := credentials.ParseServiceAccountClientID(text)
		if err == nil {
			require.Equal(t, text, credentials.ServiceAccountClientID(tenant, id))
		} else {
			require.ErrorIs(t, err, credentials.ErrMalformed)
		}
	})
}
