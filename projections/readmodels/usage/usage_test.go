package usage_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/usage"
	"tansu.cloud/projections/readmodels/webhooks"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestWhatIsUsed(t *testing.T) {
	t.Parallel()
	pool, mine := postgrestest.New(t), uuid.New()
	for _, ddl := range []string{access.New().DDL, webhooks.New().DDL} {
		_, err := pool.Exec(t.Context(), ddl)
		require.NoError(t, err)
	}
	for _, owner := range []uuid.UUID{mine, uuid.New()} {
		for _, statement := range []string{
			`INSERT INTO members SELECT $1, gen_random_uuid(), '[]', $1, 1, now(), now() FROM generate_series(1, 3)`,
			`INSERT INTO invites SELECT $1, gen_random_uuid(), '', '', '[]', s, '', '', $1, '', now() + d * interval '1 hour', 1, now(), now()
			 FROM (VALUES ('open', 1), ('open', -1), ('revoked', 1), ('accepted', 1)) v(s, d)`,
			`INSERT INTO api_keys SELECT $1, gen_random_uuid(), '', '[]', '', '', s, '', e, 1, now(), now()
			 FROM (VALUES ('active', '0001-01-01'::timestamptz), ('active', now() + interval '1 hour'), ('active', now() - interval '1 second'), ('revoked', now() + interval '1 hour')) v(s, e)`,
		} {
			_, err := pool.Exec(t.Context(), statement, owner)
			require.NoError(t, err)
		}
	}
	counter := usage.NewCounter(pool)
	all, err := counter.All(t.Context(), mine)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{
		tenant.QuotaMembers: 3, tenant.QuotaInvites: 1, tenant.QuotaAPIKeys: 2, tenant.QuotaServiceAccounts: 0, tenant.QuotaWebhooks: 0,
	}, all)
	n, err := counter.Of(t.Context(), mine, tenant.QuotaDocuments)
	require.NoError(t, err)
	require.Zero(t, n, "not counted")
}
