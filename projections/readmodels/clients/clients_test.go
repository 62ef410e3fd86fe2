package clients_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/client"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/page"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var start = time.Date(2026, 2, 3, 4, 5, 6, 789000, time.UTC)

// directory has the tables where the views would be.
func directory(t *testing.T) (*pgxpool.Pool, *clients.Directory) {
	t.Helper()
	pool := postgrestest.New(t)
	_, err := pool.Exec(t.Context(), clients.New().DDL)
	require.NoError(t, err)
	return pool, clients.NewDirectory(pool)
}

func apply(t *testing.T, pool *pgxpool.Pool, changes ...projections.Change) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return clients.New().Apply(t.Context(), tx, changes) })
}

func change(id uuid.UUID, version int64, p client.Event) projections.Change {
	return projections.Change{
		Event:   eventstore.Event{Stream: eventstore.Stream{Type: client.StreamType, ID: id.String()}, Version: version},
		Payload: p,
	}
}

// Whatever way events fall into batches, a row is the state of its stream.
func TestRowsAreTheStatesOfTheStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	states, versions := map[uuid.UUID]client.State{}, map[uuid.UUID]int64{}
	var batch []projections.Change
	happen := func(id uuid.UUID, e client.Event) {
		states[id] = client.Apply(states[id], e)
		versions[id]++
		if batch = append(batch, change(id, versions[id], e)); rand.IntN(5) == 0 {
			require.NoError(t, apply(t, pool, batch...))
			batch = nil
		}
	}
	var ids []uuid.UUID
	for i := range 300 {
		at := start.Add(time.Duration(i) * time.Second)
		profile := client.Profile{
			Name: fmt.Sprint("n", i), RedirectURIs: []string{fmt.Sprint("https://", i)}, PostLogoutRedirectURIs: []string{},
			Grants: []string{client.GrantAuthorizationCode}, Scopes: []string{"openid", "profile"}, FirstParty: i%2 == 0,
		}
		if i%3 == 0 {
			profile.JWKS = json.RawMessage(`{"keys":  [1]}`)
		}
		if len(ids) == 0 || rand.IntN(8) == 0 {
			id := uuid.New()
			ids = append(ids, id)
			happen(id, client.Registered{
				ID: id.String(), Type: client.Confidential, TokenEndpointAuth: client.AuthSecret, Profile: profile, SecretID: uuid.NewString(), At: at})
		}
		id := ids[rand.IntN(len(ids))]
		if states[id].Status == client.StatusDeleted {
			continue
		}
		happen(id, []client.Event{
			client.Changed{ID: id.String(), Profile: profile, At: at},
			client.SecretRotated{ID: id.String(), SecretID: uuid.NewString(), PreviousUntil: at.Add(time.Hour), At: at},
			client.Disabled{ID: id.String(), Reason: "r", At: at}, client.Enabled{ID: id.String(), At: at},
			client.Deleted{ID: id.String(), At: at},
		}[rand.IntN(5)])
	}
	if len(batch) > 0 {
		require.NoError(t, apply(t, pool, batch...))
	}
	living := 0
	for _, id := range ids {
		want := states[id]
		row, err := dir.Get(t.Context(), id)
		if want.Status == client.StatusDeleted {
			require.ErrorIs(t, err, clients.ErrNotFound)
			continue
		}
		living++
		require.NoError(t, err)
		require.Equal(t, clients.Client{
			ID: id, Name: want.Name, Type: string(want.Type), RedirectURIs: want.RedirectURIs,
			PostLogoutRedirectURIs: want.PostLogoutRedirectURIs, Grants: want.Grants, TokenEndpointAuth: string(want.TokenEndpointAuth),
			JWKS: want.JWKS, Scopes: want.Scopes, FirstParty: want.FirstParty, Status: string(want.Status),
			DisabledReason: want.DisabledReason, SecretID: want.SecretID, PreviousSecretID: want.PreviousSecretID,
			PreviousUntil: want.PreviousUntil, Version: versions[id], CreatedAt: want.CreatedAt, UpdatedAt: want.UpdatedAt,
		}, row)
	}
	found, more, err := dir.List(t.Context(), clients.ListQuery{Limit: 5000})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, found, living)
}

func TestEventOfAnUnknownClientIsAnError(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	require.ErrorContains(t, apply(t, pool, change(uuid.New(), 2, client.Enabled{})), "not known")
	bad := change(uuid.New(), 1, client.Registered{})
	bad.Event.Stream.ID = "x"
	require.Error(t, apply(t, pool, bad))
	_, err := dir.Get(t.Context(), uuid.New())
	require.ErrorIs(t, err, clients.ErrNotFound)
}

func TestListPageByPage(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	var batch []projections.Change
	var want, got []page.Cursor
	for i := range 13 {
		c := page.Cursor{At: start.Add(time.Duration(i/3) * time.Second), ID: uuid.New()} // times repeat
		want = append(want, c)
		batch = append(batch, change(c.ID, 1, client.Registered{ID: c.ID.String(), At: c.At}))
	}
	require.NoError(t, apply(t, pool, batch...))
	slices.SortFunc(want, func(a, b page.Cursor) int {
		return cmp.Or(a.At.Compare(b.At), slices.Compare(a.ID[:], b.ID[:]))
	})
	for q := (clients.ListQuery{Limit: 5}); ; q.After = &got[len(got)-1] {
		found, more, err := dir.List(t.Context(), q)
		require.NoError(t, err)
		for _, c := range found {
			got = append(got, c.Cursor())
		}
		if !more {
			break
		}
	}
	require.Equal(t, want, got)
}
