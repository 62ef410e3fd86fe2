package credentials_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
)

func TestSecretsOfIdentityProviders(t *testing.T) {
	t.Parallel()
	s, pool, c := open(t)
	tenant, provider, first, second := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	store := func(id uuid.UUID, text string) {
		t.Helper()
		require.NoError(t, s.StoreProviderSecret(t.Context(), tenant, provider, id, text))
	}
	store(first, "one")
	require.NoError(t, s.DropProviderSecret(t.Context(), tenant, provider, first))
	require.Equal(t, 0, count(t, pool, "provider_secrets"))
	_, err := s.ProviderSecret(t.Context(), tenant, provider, first)
	require.ErrorIs(t, err, credentials.ErrNotStored)

	store(first, "one")
	c.forward(31 * 24 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 0, count(t, pool, "provider_secrets"), "no event named it")

	store(first, "one")
	text, err := s.ProviderSecret(t.Context(), tenant, provider, first)
	require.NoError(t, err)
	require.Equal(t, "one", text)
	_, err = pool.Exec(t.Context(), "UPDATE provider_secrets SET delete_after = NULL") // as the saga does
	require.NoError(t, err)
	c.forward(31 * 24 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.NoError(t, s.DropProviderSecret(t.Context(), tenant, provider, first))
	require.Equal(t, 1, count(t, pool, "provider_secrets"), "only what no event names is dropped")
	_, err = pool.Exec(t.Context(), "DELETE FROM provider_secrets")
	require.NoError(t, err)

	store(second, "two")
	var raw []byte
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT wrapped FROM provider_secrets").Scan(&raw))
	require.NotContains(t, string(raw), "two")

	// It opens nowhere else, and with no other key.
	for _, ids := range []string{"$1, provider_id, id", "tenant_id, $1, id", "tenant_id, provider_id, $1"} {
		tag, err := pool.Exec(t.Context(), "INSERT INTO provider_secrets SELECT "+ids+", wrapped, created_at, delete_after FROM provider_secrets WHERE tenant_id = $2 AND provider_id = $3 AND id = $4",
			uuid.Max, tenant, provider, second)
		require.NoError(t, err)
		require.EqualValues(t, 1, tag.RowsAffected())
	}
	for _, ids := range [][3]uuid.UUID{{uuid.Max, provider, second}, {tenant, uuid.Max, second}, {tenant, provider, uuid.Max}} {
		_, err = s.ProviderSecret(t.Context(), ids[0], ids[1], ids[2])
		require.ErrorContains(t, err, "does not open")
		require.NotContains(t, err.Error(), "two")
	}
	_, err = reopen(t, pool, c, bytes.Repeat([]byte{8}, 32)).ProviderSecret(t.Context(), tenant, provider, second)
	require.ErrorContains(t, err, "does not open")
}
