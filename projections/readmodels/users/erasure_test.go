package users_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/subject"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/users"
)

// sealed is a log whose personal fields are sealed.
type sealed struct {
	store *postgres.Store
	codec *eventstore.Codec
}

func newSealed(t *testing.T, pool *pgxpool.Pool) *sealed {
	t.Helper()
	payloads := []eventstore.Payload{subject.Erased{}}
	for _, e := range user.Events() {
		payloads = append(payloads, e)
	}
	for _, e := range session.Events() {
		payloads = append(payloads, e)
	}
	l := &sealed{
		store: postgres.New(pool, postgres.Options{Lanes: 1}),
		codec: eventstore.NewCodec(eventstore.NewRegistry(payloads...), postgres.NewSubjectKeys(pool, [32]byte{1})),
	}
	require.NoError(t, l.store.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, l.store.Stop(ctx))
	})
	return l
}

func (l *sealed) append(t *testing.T, streamType, id string, p eventstore.Payload, erase ...string) {
	t.Helper()
	encoded, err := l.codec.Encode(t.Context(), eventstore.SystemTenant, p)
	require.NoError(t, err)
	_, err = l.store.Append(t.Context(), eventstore.Append{EraseSubjects: erase, Writes: []eventstore.StreamWrite{{
		Stream: eventstore.Stream{Type: streamType, ID: id}, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{encoded},
	}}})
	require.NoError(t, err)
}

// changes opens what the log holds now.
func (l *sealed) changes(t *testing.T) []projections.Change {
	t.Helper()
	page, err := l.store.ReadLog(t.Context(), eventstore.SystemTenant, eventstore.LogQuery{})
	require.NoError(t, err)
	changes := make([]projections.Change, len(page.Events))
	for i, e := range page.Events {
		changes[i].Event = e
		changes[i].Payload, err = l.codec.Decode(t.Context(), e)
		require.NoError(t, err)
	}
	return changes
}

// Nothing personal stays in a row, whether the events were opened before the
// erasure or after it, as in a rebuild, and whether it came one by one or in one
// batch.
func TestErasedUsersLeaveNothing(t *testing.T) {
	t.Parallel()
	for name, erase := range map[string]func(t *testing.T, l *sealed, id string){
		"as a user": func(t *testing.T, l *sealed, id string) {
			l.append(t, user.StreamType, id, user.Erased{UserID: id, EmailIndex: "secret-index", At: start}, id)
		},
		"as a data subject": func(t *testing.T, l *sealed, id string) {
			l.append(t, subject.StreamType, id, subject.Erased{Subject: id}, id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, dir := directory(t)
			log := newSealed(t, pool)
			ids := []uuid.UUID{uuid.New(), uuid.New()}
			signIns := []uuid.UUID{uuid.New(), uuid.New()}
			for i, id := range ids {
				log.append(t, user.StreamType, id.String(), user.Registered{
					UserID: id.String(), Email: "secret@example.com", EmailIndex: "secret-index", Name: "secret", At: start})
				log.append(t, user.StreamType, id.String(), user.PasskeyAdded{UserID: id.String(), PasskeyID: "k1", Name: "secret", At: start})
				log.append(t, session.StreamType, signIns[i].String(), session.Started{
					SessionID: signIns[i].String(), UserID: id.String(), Method: "password", Address: "secret", UserAgent: "secret", At: start})
			}
			opened := log.changes(t)
			erase(t, log, ids[0].String())
			log.append(t, subject.StreamType, "no uuid", subject.Erased{Subject: "no uuid"})
			all := log.changes(t)
			after := all[len(opened):]

			for order, batches := range map[string][][]projections.Change{
				"applied before":         {opened, after},
				"opened before, at once": {append(opened[:len(opened):len(opened)], after...)},
				"rebuilt":                {all},
				"rebuilt, one by one":    {all[:1], all[1:2], all[2:5], all[5:6], all[6:]},
			} {
				_, err := pool.Exec(t.Context(), "TRUNCATE users, sessions")
				require.NoError(t, err)
				for _, batch := range batches {
					require.NoError(t, apply(t, pool, batch...))
				}
				var secrets int
				require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM (
					SELECT id, u::text AS row FROM users u UNION ALL SELECT user_id, s::text FROM sessions s) r
					WHERE id = $1 AND row LIKE '%secret%'`, ids[0]).Scan(&secrets))
				require.Zero(t, secrets, order)
				s, err := dir.Session(t.Context(), signIns[0])
				require.NoError(t, err)
				require.Equal(t, users.Session{ID: signIns[0], UserID: ids[0], Method: "password", StartedAt: start}, s)

				found, err := dir.ByEmailIndex(t.Context(), "secret-index")
				require.NoError(t, err)
				require.Equal(t, ids[1], found.ID, "the address is another's now")
				require.Equal(t, "secret@example.com", found.Email)
				other, err := dir.Session(t.Context(), signIns[1])
				require.NoError(t, err)
				require.Equal(t, "secret", other.Address)
			}
		})
	}
}
