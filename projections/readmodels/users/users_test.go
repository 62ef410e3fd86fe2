package users_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/projections/readmodels/users"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var start = time.Date(2026, 2, 3, 4, 5, 6, 789000, time.UTC)

// directory has the tables where the views would be.
func directory(t *testing.T) (*pgxpool.Pool, *users.Directory) {
	t.Helper()
	pool := postgrestest.New(t)
	_, err := pool.Exec(t.Context(), users.New().DDL)
	require.NoError(t, err)
	return pool, users.NewDirectory(pool)
}

func apply(t *testing.T, pool *pgxpool.Pool, changes ...projections.Change) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return users.New().Apply(t.Context(), tx, changes) })
}

func change(streamType string, id uuid.UUID, version int64, p eventstore.Payload) projections.Change {
	return projections.Change{
		Event:   eventstore.Event{Stream: eventstore.Stream{Type: streamType, ID: id.String()}, Version: version},
		Payload: p,
	}
}

// Whatever way events fall into batches, a row is the state of its stream.
func TestRowsAreTheStatesOfTheStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	people, signIns := map[uuid.UUID]user.State{}, map[uuid.UUID]session.State{}
	versions := map[uuid.UUID]int64{}
	var batch []projections.Change
	flush := func() {
		if len(batch) > 0 {
			require.NoError(t, apply(t, pool, batch...))
			batch = nil
		}
	}
	happen := func(streamType string, id uuid.UUID, p eventstore.Payload) {
		switch e := p.(type) {
		case user.Event:
			people[id] = user.Apply(people[id], e)
		case session.Event:
			signIns[id] = session.Apply(signIns[id], e)
		}
		versions[id]++
		if batch = append(batch, change(streamType, id, versions[id], p)); rand.IntN(5) == 0 {
			flush()
		}
	}
	var ids []uuid.UUID
	for i := range 400 {
		at := start.Add(time.Duration(i) * time.Second)
		if len(ids) == 0 || rand.IntN(8) == 0 {
			id := uuid.New()
			ids = append(ids, id)
			happen(user.StreamType, id, user.Registered{
				UserID: id.String(), Email: fmt.Sprint(i, "@example.com"), EmailIndex: fmt.Sprint("index", i), Name: "N", Verified: i%2 == 0, At: at})
		}
		id := ids[rand.IntN(len(ids))]
		if people[id].Status == user.StatusErased {
			continue
		}
		switch rand.IntN(14) {
		case 0:
			happen(user.StreamType, id, user.EmailVerified{UserID: id.String(), At: at})
		case 1:
			happen(user.StreamType, id, user.Renamed{UserID: id.String(), Name: fmt.Sprint("Name ", i), At: at})
		case 2:
			happen(user.StreamType, id, user.PasswordSet{UserID: id.String(), PasswordID: uuid.NewString(), At: at})
		case 3:
			happen(user.StreamType, id, user.Disabled{UserID: id.String(), Reason: "r", At: at})
		case 4:
			happen(user.StreamType, id, user.Enabled{UserID: id.String(), At: at})
		case 5:
			if rand.IntN(4) == 0 {
				happen(user.StreamType, id, user.Erased{UserID: id.String(), EmailIndex: people[id].EmailIndex, At: at})
			}
		case 6:
			happen(user.StreamType, id, user.TOTPEnabled{UserID: id.String(), TOTPID: fmt.Sprint("totp", i), At: at})
			happen(user.StreamType, id, user.RecoveryCodesMade{UserID: id.String(), SetID: fmt.Sprint("set", i), At: at})
		case 7:
			happen(user.StreamType, id, user.TOTPDisabled{UserID: id.String(), At: at})
		case 8:
			happen(user.StreamType, id, user.PasskeyAdded{UserID: id.String(), PasskeyID: uuid.NewString(), Name: fmt.Sprint("Key ", i), At: at})
		case 9, 10:
			if keys := people[id].Passkeys; len(keys) > 0 && rand.IntN(2) == 0 {
				happen(user.StreamType, id, user.PasskeyRemoved{UserID: id.String(), PasskeyID: keys[0].ID, At: at})
			} else if len(keys) > 0 {
				happen(user.StreamType, id, user.PasskeyRenamed{UserID: id.String(), PasskeyID: keys[len(keys)-1].ID, Name: fmt.Sprint("Old key ", i), At: at})
			}
		default:
			s := uuid.New()
			happen(session.StreamType, s, session.Started{
				SessionID: s.String(), UserID: id.String(), Method: "password", Address: "192.0.2.1", UserAgent: "Browser", At: at})
			if rand.IntN(2) == 0 {
				happen(session.StreamType, s, session.Ended{SessionID: s.String(), UserID: id.String(), Reason: "signed_out", At: at.Add(time.Minute)})
			}
		}
	}
	flush()

	byID, err := dir.ByIDs(t.Context(), append(slices.Clone(ids), uuid.New()))
	require.NoError(t, err)
	require.Len(t, byID, len(ids), "who is unknown is left out")
	for _, id := range ids {
		want := people[id]
		row, err := dir.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, len(want.Passkeys), len(row.Passkeys))
		if len(want.Passkeys) == 0 {
			want.Passkeys = row.Passkeys // none is none
		}
		require.Equal(t, users.User{
			ID: id, Email: want.Email, Name: want.Name, EmailIndex: want.EmailIndex, Verified: want.Verified, Status: string(want.Status),
			DisabledReason: want.DisabledReason, PasswordID: want.PasswordID,
			TOTPID: want.TOTPID, RecoverySetID: want.RecoverySetID, Passkeys: want.Passkeys, Version: versions[id],
			CreatedAt: want.CreatedAt, UpdatedAt: want.UpdatedAt,
		}, row)
		require.Equal(t, row, byID[id])
		if want.Status != user.StatusErased {
			row, err = dir.ByEmailIndex(t.Context(), want.EmailIndex)
			require.NoError(t, err)
			require.Equal(t, id, row.ID)
		}
		var live []uuid.UUID
		list, err := dir.Sessions(t.Context(), id)
		require.NoError(t, err)
		for i, s := range list {
			require.True(t, i == 0 || !s.StartedAt.After(list[i-1].StartedAt), "newest first")
			live = append(live, s.ID)
		}
		var wantLive []uuid.UUID
		for sid, s := range signIns {
			if s.UserID == id.String() && s.EndedAt.IsZero() {
				wantLive = append(wantLive, sid)
			}
		}
		require.ElementsMatch(t, wantLive, live)
	}
	for id, want := range signIns {
		person := uuid.MustParse(want.UserID)
		row := users.Session{
			ID: id, UserID: person, Method: want.Method, Address: "192.0.2.1", UserAgent: "Browser",
			StartedAt: want.StartedAt, EndedAt: want.EndedAt, EndedReason: want.EndedReason,
		}
		if people[person].Status == user.StatusErased {
			row.Address, row.UserAgent = "", ""
		}
		got, err := dir.Session(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, row, got)
		require.Equal(t, want.EndedAt.IsZero(), got.Live())
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	require.ErrorContains(t, apply(t, pool, change(user.StreamType, uuid.New(), 2, user.Enabled{})), "not known")
	require.ErrorContains(t, apply(t, pool, change(session.StreamType, uuid.New(), 2, session.Ended{})), "not known")
	require.Error(t, apply(t, pool, change(session.StreamType, uuid.New(), 1, session.Started{UserID: "nobody"})))
	bad := change(user.StreamType, uuid.New(), 1, user.Registered{})
	bad.Event.Stream.ID = "x"
	require.Error(t, apply(t, pool, bad))

	_, err := dir.Get(t.Context(), uuid.New())
	require.ErrorIs(t, err, users.ErrNotFound)
	_, err = dir.Session(t.Context(), uuid.New())
	require.ErrorIs(t, err, users.ErrNotFound)
	for _, index := range []string{"", "nobody", "a\x00b", "\xff"} {
		_, err = dir.ByEmailIndex(t.Context(), index)
		require.ErrorIs(t, err, users.ErrNotFound)
	}
	_, _, err = dir.List(t.Context(), users.ListQuery{Status: "\x00"})
	require.ErrorIs(t, err, page.ErrBadQuery)
	_, err = dir.Count(t.Context(), "\xff")
	require.ErrorIs(t, err, page.ErrBadQuery)
}

func TestListsBothWaysPageByPage(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	var batch []projections.Change
	var order []page.Cursor
	for i := range 23 {
		id, at := uuid.New(), start.Add(time.Duration(i/3)*time.Second) // times repeat
		order = append(order, page.Cursor{At: at, ID: id})
		batch = append(batch, change(user.StreamType, id, 1, user.Registered{UserID: id.String(), EmailIndex: id.String(), At: at}))
	}
	slices.SortFunc(order, func(a, b page.Cursor) int {
		return cmp.Or(a.At.Compare(b.At), slices.Compare(a.ID[:], b.ID[:]))
	})
	batch = append(batch, change(user.StreamType, order[7].ID, 2, user.Disabled{At: start}))
	require.NoError(t, apply(t, pool, batch...))
	list := func(q users.ListQuery) (found []page.Cursor) {
		for more := true; more; {
			listed, next, err := dir.List(t.Context(), q)
			require.NoError(t, err)
			for _, u := range listed {
				found = append(found, u.Cursor())
			}
			if more = next; more {
				require.Len(t, listed, q.Limit)
				q.After = &found[len(found)-1]
			}
		}
		return found
	}
	require.Equal(t, order, list(users.ListQuery{Limit: 5}))
	require.Equal(t, order[7:8], list(users.ListQuery{Status: users.StatusDisabled, Limit: 5}))
	active := slices.Delete(slices.Clone(order), 7, 8)
	require.Equal(t, active, list(users.ListQuery{Status: users.StatusActive, Limit: 11}))
	slices.Reverse(order)
	require.Equal(t, order, list(users.ListQuery{NewestFirst: true, Limit: 4}))
	n, err := dir.Count(t.Context(), "")
	require.NoError(t, err)
	require.EqualValues(t, 23, n)
	n, err = dir.Count(t.Context(), users.StatusDisabled)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
