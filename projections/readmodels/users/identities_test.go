package users_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/projections/readmodels/users"
)

func TestIdentitiesAndConfinedSessions(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	ann, bob, tenant, idp, sid := uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()
	linked := func(whose uuid.UUID, index string, at time.Time) user.IdentityLinked {
		return user.IdentityLinked{
			UserID: whose.String(), TenantID: tenant.String(), ProviderID: idp.String(), Issuer: "https://login.example.com", Subject: "s", Index: index, At: at,
		}
	}
	unlinked := func(whose uuid.UUID, index string) user.IdentityUnlinked {
		return user.IdentityUnlinked{UserID: whose.String(), TenantID: tenant.String(), ProviderID: idp.String(), Index: index, At: start}
	}
	for i, who := range []uuid.UUID{ann, bob} {
		require.NoError(t, apply(t, pool, change(user.StreamType, who, 1, user.Registered{UserID: who.String(), EmailIndex: []string{"a", ""}[i], Name: "N", At: start})))
	}
	require.NoError(t, apply(t, pool,
		change(user.StreamType, ann, 2, linked(ann, "x", start)),
		change(user.StreamType, ann, 3, linked(ann, "y", start.Add(time.Second))),
		change(user.StreamType, ann, 4, unlinked(ann, "x")),
		change(user.StreamType, bob, 2, linked(bob, "x", start)),
		change(session.StreamType, sid, 1, session.Started{SessionID: sid.String(), UserID: ann.String(), Method: "identity_provider", ConfinedTo: tenant.String(), ProviderID: idp.String(), At: start}),
	))
	found, err := dir.IdentityByIndex(t.Context(), "x")
	require.NoError(t, err)
	require.Equal(t, users.Identity{Index: "x", UserID: bob, Tenant: tenant, Provider: idp, Issuer: "https://login.example.com", LinkedAt: start}, found)
	list, err := dir.Identities(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "y", list[0].Index)
	row, err := dir.Get(t.Context(), ann)
	require.NoError(t, err)
	require.EqualValues(t, 4, row.Version)
	_, err = dir.ByEmailIndex(t.Context(), "")
	require.ErrorIs(t, err, users.ErrNotFound, "who has no address is not found by none")

	s, err := dir.Session(t.Context(), sid)
	require.NoError(t, err)
	require.Equal(t, []any{true, tenant, idp}, []any{s.Confined(), s.ConfinedTo, s.ProviderID})
	require.NoError(t, apply(t, pool, change(session.StreamType, sid, 2, session.Ended{SessionID: sid.String(), UserID: ann.String(), At: start})))
	s, err = dir.Session(t.Context(), sid)
	require.NoError(t, err)
	require.True(t, s.Confined() && !s.Live())

	require.NoError(t, apply(t, pool, change(user.StreamType, ann, 5, unlinked(ann, "y")), change(user.StreamType, ann, 6, user.Erased{UserID: ann.String(), At: start})))
	list, err = dir.Identities(t.Context(), ann)
	require.NoError(t, err)
	require.Empty(t, list)
	_, err = dir.IdentityByIndex(t.Context(), "nothing")
	require.ErrorIs(t, err, users.ErrNotFound)
}
