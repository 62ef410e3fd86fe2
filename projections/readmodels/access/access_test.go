package access_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/subject"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
)

// Whatever way events fall into batches, a row is the state of its stream.

func TestMembersAreTheStatesOfTheirStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	want := map[uuid.UUID]map[uuid.UUID][]string{} // roles by user and tenant
	people := []string{uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()}
	for range 3 {
		b, all := newBatches(t, pool), newStates(member.Apply)
		happen := func(id string, e member.Event) {
			all.apply(id, e)
			b.happen(member.StreamType, id, e)
		}
		for i := range 150 {
			at, id := start.Add(time.Duration(i)*time.Second), people[rand.IntN(len(people))]
			switch {
			case all.of[id].Status != member.StatusActive:
				added := member.Added{UserID: id, Roles: []string{"viewer"}, At: at}
				if i%2 == 0 {
					added.InviteID = uuid.NewString()
				}
				happen(id, added)
			case rand.IntN(3) == 0:
				happen(id, member.Removed{UserID: id, At: at})
			case rand.IntN(2) == 0:
				happen(id, member.RolesMapped{UserID: id, ProviderID: uuid.NewString(), Mapped: []string{fmt.Sprint("m", i)}, Roles: []string{"admin", fmt.Sprint("m", i)}, At: at})
			default:
				happen(id, member.RolesChanged{UserID: id, Roles: []string{"admin", fmt.Sprint("r", i)}, At: at})
			}
		}
		b.flush()
		for _, id := range people {
			state, user := all.of[id], uuid.MustParse(id)
			row, err := dir.Member(t.Context(), b.tenant, user)
			if state.Status != member.StatusActive {
				require.ErrorIs(t, err, access.ErrNotFound)
				continue
			}
			require.NoError(t, err)
			invited, _ := uuid.Parse(state.InviteID)
			require.Equal(t, access.Member{
				UserID: user, Roles: state.Roles, InviteID: invited, Version: b.version(member.StreamType, id),
				AddedAt: state.AddedAt, UpdatedAt: state.UpdatedAt,
			}, row)
			if want[user] == nil {
				want[user] = map[uuid.UUID][]string{}
			}
			want[user][b.tenant] = state.Roles
			_, err = dir.Member(t.Context(), uuid.New(), user)
			require.ErrorIs(t, err, access.ErrNotFound, "another tenant does not see it")
		}
	}
	for _, id := range people {
		user, got := uuid.MustParse(id), map[uuid.UUID][]string(nil)
		memberships, err := dir.MembershipsOf(t.Context(), user)
		require.NoError(t, err)
		for _, m := range memberships {
			if got == nil {
				got = map[uuid.UUID][]string{}
			}
			got[m.Tenant] = m.Roles
		}
		require.Equal(t, want[user], got)
		require.Len(t, memberships, len(got))
	}
}

func TestRolesAreTheStatesOfTheirStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	b, all := newBatches(t, pool), newStates(role.Apply)
	happen := func(name string, e role.Event) {
		all.apply(name, e)
		b.happen(role.StreamType, name, e)
	}
	for i := range 150 {
		at := start.Add(time.Duration(i) * time.Second)
		if i == 0 || rand.IntN(8) == 0 {
			name := fmt.Sprintf("role-%03d", i)
			happen(name, role.Created{Name: name, Title: "T", Permissions: []string{}, At: at})
		}
		if name, state := all.any(); state.Status == role.StatusDeleted {
			continue
		} else if rand.IntN(5) == 0 {
			happen(name, role.Deleted{Name: name, At: at})
		} else {
			happen(name, role.Changed{Name: name, Title: fmt.Sprint("T", i), Permissions: []string{"audit.read", "jobs.read"}, At: at})
		}
	}
	b.flush()
	var want []access.Role
	for _, name := range all.ids { // made in the order of names
		state := all.of[name]
		row, err := dir.Role(t.Context(), b.tenant, name)
		if state.Status == role.StatusDeleted {
			require.ErrorIs(t, err, access.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		want = append(want, access.Role{
			Name: name, Title: state.Title, Permissions: state.Permissions, Version: b.version(role.StreamType, name),
			CreatedAt: state.CreatedAt, UpdatedAt: state.UpdatedAt,
		})
		require.Equal(t, want[len(want)-1], row)
	}
	list, err := dir.Roles(t.Context(), b.tenant)
	require.NoError(t, err)
	require.Len(t, list, len(want))
	for i, w := range want {
		require.Equal(t, w, list[i], "by name")
	}
	list, err = dir.Roles(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Empty(t, list)
	for _, name := range []string{"", "nobody", "a\x00b", "\xff"} {
		_, err = dir.Role(t.Context(), b.tenant, name)
		require.ErrorIs(t, err, access.ErrNotFound)
	}
}

func TestInvitesAreTheStatesOfTheirStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	b, all := newBatches(t, pool), newStates(invite.Apply)
	happen := func(id string, e invite.Event) {
		all.apply(id, e)
		b.happen(invite.StreamType, id, e)
	}
	erased := map[string]bool{}
	for i := range 200 {
		at := start.Add(time.Duration(i) * time.Second)
		if i == 0 || rand.IntN(4) == 0 {
			id := uuid.NewString()
			happen(id, invite.Created{
				ID: id, Email: "a@example.com", EmailIndex: "index", Roles: []string{"viewer"}, TokenID: uuid.NewString(), ExpiresAt: at.Add(time.Hour), At: at})
		}
		id, state := all.any()
		if state.Status != invite.StatusOpen {
			continue
		}
		switch rand.IntN(8) {
		case 0:
			happen(id, invite.Revoked{ID: id, Reason: "r", At: at})
		case 1:
			happen(id, invite.Accepted{ID: id, UserID: uuid.NewString(), At: at})
		case 2:
			erased[id] = true
			b.happen(subject.StreamType, id, subject.Erased{Subject: id})
		default:
			happen(id, invite.Resent{ID: id, TokenID: uuid.NewString(), ExpiresAt: at.Add(time.Hour), At: at})
		}
	}
	b.happen(subject.StreamType, "no uuid", subject.Erased{Subject: "no uuid"})
	b.flush()
	open := 0
	for _, id := range all.ids {
		state := all.of[id]
		row, err := dir.Invite(t.Context(), b.tenant, uuid.MustParse(id))
		require.NoError(t, err)
		if state.Status != invite.StatusOpen || erased[id] {
			state.Email, state.EmailIndex = "", "" // nobody's address any more
		}
		if state.Status == invite.StatusOpen {
			open++
		}
		acceptedBy, _ := uuid.Parse(state.AcceptedBy)
		require.Equal(t, access.Invite{
			ID: uuid.MustParse(id), Email: state.Email, EmailIndex: state.EmailIndex, Roles: state.Roles, Status: string(state.Status),
			Reason: state.RevokedReason, TokenID: state.TokenID, AcceptedBy: acceptedBy, CreatedBy: makerOf(id), ExpiresAt: state.ExpiresAt,
			Version: b.version(invite.StreamType, id), CreatedAt: state.CreatedAt, UpdatedAt: state.UpdatedAt,
		}, row)
		_, err = dir.Invite(t.Context(), uuid.New(), uuid.MustParse(id))
		require.ErrorIs(t, err, access.ErrNotFound, "another tenant does not see it")
	}
	page, more, err := dir.Invites(t.Context(), b.tenant, access.Page{Status: access.InviteOpen, Limit: 2000})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, page, open)
}

func TestAPIKeysAreTheStatesOfTheirStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	b, all := newBatches(t, pool), newStates(apikey.Apply)
	happen := func(id string, e apikey.Event) {
		all.apply(id, e)
		b.happen(apikey.StreamType, id, e)
	}
	for i := range 150 {
		at := start.Add(time.Duration(i) * time.Second)
		if i == 0 || rand.IntN(4) == 0 {
			id := uuid.NewString()
			created := apikey.Created{ID: id, Name: "n", Permissions: []string{"jobs.read"}, CreatedBy: "user:1", Hint: "abcd", At: at}
			if i%2 == 0 {
				created.ExpiresAt = at.Add(time.Hour)
			}
			happen(id, created)
		}
		id, state := all.any()
		if state.Status == apikey.StatusRevoked {
			continue
		}
		if rand.IntN(3) == 0 {
			happen(id, apikey.Revoked{ID: id, Reason: "r", At: at})
		} else {
			happen(id, apikey.Renamed{ID: id, Name: fmt.Sprint("n", i), At: at})
		}
	}
	b.flush()
	for _, id := range all.ids {
		state := all.of[id]
		row, err := dir.APIKey(t.Context(), b.tenant, uuid.MustParse(id))
		require.NoError(t, err)
		require.Equal(t, access.APIKey{
			ID: uuid.MustParse(id), Name: state.Name, Permissions: state.Permissions, Hint: state.Hint, CreatedBy: state.CreatedBy,
			Status: string(state.Status), Reason: state.RevokedReason, ExpiresAt: state.ExpiresAt,
			Version: b.version(apikey.StreamType, id), CreatedAt: state.CreatedAt, UpdatedAt: state.UpdatedAt,
		}, row)
		_, err = dir.APIKey(t.Context(), uuid.New(), uuid.MustParse(id))
		require.ErrorIs(t, err, access.ErrNotFound, "another tenant does not see it")
	}
}

func TestServiceAccountsAreTheStatesOfTheirStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	b, all := newBatches(t, pool), newStates(serviceaccount.Apply)
	happen := func(id string, e serviceaccount.Event) {
		all.apply(id, e)
		b.happen(serviceaccount.StreamType, id, e)
	}
	for i := range 200 {
		at := start.Add(time.Duration(i) * time.Second)
		if i == 0 || rand.IntN(8) == 0 {
			id := uuid.NewString()
			happen(id, serviceaccount.Created{ID: id, Name: "n", Roles: []string{"viewer"}, SecretID: uuid.NewString(), At: at})
		}
		id, state := all.any()
		if state.Status == serviceaccount.StatusDeleted {
			continue
		}
		happen(id, []serviceaccount.Event{
			serviceaccount.Changed{ID: id, Name: fmt.Sprint("n", i), Roles: []string{}, At: at},
			serviceaccount.SecretRotated{ID: id, SecretID: uuid.NewString(), PreviousUntil: at.Add(time.Hour), At: at},
			serviceaccount.Disabled{ID: id, Reason: "r", At: at}, serviceaccount.Enabled{ID: id, At: at},
			serviceaccount.Deleted{ID: id, At: at},
		}[rand.IntN(5)])
	}
	b.flush()
	var want []access.ServiceAccount // oldest first
	for _, id := range all.ids {
		state := all.of[id]
		row, err := dir.ServiceAccount(t.Context(), b.tenant, uuid.MustParse(id))
		if state.Status == serviceaccount.StatusDeleted {
			require.ErrorIs(t, err, access.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		want = append(want, access.ServiceAccount{
			ID: uuid.MustParse(id), Name: state.Name, Roles: state.Roles, Status: string(state.Status), DisabledReason: state.DisabledReason,
			SecretID: state.SecretID, PreviousSecretID: state.PreviousSecretID, PreviousUntil: state.PreviousUntil, CreatedBy: makerOf(id),
			Version: b.version(serviceaccount.StreamType, id), CreatedAt: state.CreatedAt, UpdatedAt: state.UpdatedAt,
		})
		require.Equal(t, want[len(want)-1], row)
		_, err = dir.ServiceAccount(t.Context(), uuid.New(), uuid.MustParse(id))
		require.ErrorIs(t, err, access.ErrNotFound, "another tenant does not see it")
	}
	list, err := dir.ServiceAccounts(t.Context(), b.tenant, "")
	require.NoError(t, err)
	require.Len(t, list, len(want))
	for i, w := range want {
		require.Equal(t, w, list[i])
	}
	mine := slices.DeleteFunc(slices.Clone(want), func(a access.ServiceAccount) bool { return a.CreatedBy != want[0].CreatedBy })
	list, err = dir.ServiceAccounts(t.Context(), b.tenant, want[0].CreatedBy)
	require.NoError(t, err)
	require.Equal(t, mine, list)
}

func TestEventsOfUnknownStreamsAreErrors(t *testing.T) {
	t.Parallel()
	pool, _ := directory(t)
	for streamType, payload := range map[string]eventstore.Payload{
		member.StreamType: member.RolesChanged{}, role.StreamType: role.Changed{}, invite.StreamType: invite.Resent{},
		apikey.StreamType: apikey.Renamed{}, serviceaccount.StreamType: serviceaccount.Changed{}, provider.StreamType: provider.Changed{},
	} {
		stream := eventstore.Stream{Type: streamType, ID: uuid.NewString()}
		require.ErrorContains(t, apply(t, pool, change(uuid.New(), stream, 2, payload)), "not known")
		require.ErrorContains(t, apply(t, pool, change(uuid.New(), stream, 1, payload)), "not known")
		if streamType != role.StreamType { // of which any name is an id
			stream.ID = "x"
			require.ErrorContains(t, apply(t, pool, change(uuid.New(), stream, 1, payload)), streamType)
		}
	}
}
