package access_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/projectionstest"
	"tansu.cloud/projections/readmodels/access"
)

type node struct{ *projectionstest.Installation }

func newNode(t *testing.T) node {
	t.Helper()
	var payloads []eventstore.Payload
	for _, e := range projection.Events() {
		payloads = append(payloads, e)
	}
	for _, e := range member.Events() {
		payloads = append(payloads, e)
	}
	return node{projectionstest.NewInstallation(t, eventstore.NewRegistry(payloads...))}
}

func (n node) append(ctx context.Context, tenant uuid.UUID, streamType, id string, p eventstore.Payload) (int64, error) {
	encoded, err := n.Codec.Encode(ctx, tenant, p)
	if err != nil {
		return 0, err
	}
	appended, err := n.Store.Append(ctx, eventstore.Append{TenantID: tenant, Writes: []eventstore.StreamWrite{{
		Stream: eventstore.Stream{Type: streamType, ID: id}, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{encoded},
	}}})
	return appended.Position, err
}

// A user's memberships stand together although each tenant's log is followed on
// its own, and a rebuild makes the same rows again.
func TestMembershipsThroughTheRunner(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	dir := access.NewDirectory(n.Pool)
	user, tenants := uuid.New(), []uuid.UUID{eventstore.SystemTenant, uuid.New(), uuid.New()}
	r, stop := n.Follow(access.New())
	happen := func(tenant uuid.UUID, e member.Event) {
		position, err := n.append(t.Context(), tenant, member.StreamType, user.String(), e)
		require.NoError(t, err)
		require.NoError(t, r.Wait(t.Context(), access.Name, tenant, position))
	}
	roles := func() map[uuid.UUID][]string {
		memberships, err := dir.MembershipsOf(t.Context(), user)
		require.NoError(t, err)
		found := map[uuid.UUID][]string{}
		for _, m := range memberships {
			found[m.Tenant] = m.Roles
		}
		return found
	}
	for _, tenant := range tenants {
		happen(tenant, member.Added{UserID: user.String(), Roles: []string{"viewer"}, At: start})
		m, err := dir.Member(t.Context(), tenant, user)
		require.NoError(t, err, "what was written is read")
		require.Equal(t, []string{"viewer"}, m.Roles)
	}
	happen(tenants[0], member.RolesChanged{UserID: user.String(), Roles: []string{"admin"}, At: start})
	happen(tenants[1], member.Removed{UserID: user.String(), At: start})
	want := map[uuid.UUID][]string{tenants[0]: {"admin"}, tenants[2]: {"viewer"}}
	require.Equal(t, want, roles())
	stop()

	next := access.New()
	next.Version++
	r, _ = n.Follow(next)
	require.Eventually(t, func() bool {
		statuses, err := r.Status(t.Context())
		require.NoError(t, err)
		return len(statuses) == 1 && statuses[0].Generation == 2
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, want, roles())
	happen(tenants[1], member.Added{UserID: user.String(), Roles: []string{"owner"}, At: start})
	want[tenants[1]] = []string{"owner"}
	require.Equal(t, want, roles())
}
