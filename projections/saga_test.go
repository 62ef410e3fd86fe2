package projections_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
)

// mailer is a saga that enqueues a job for each event that it sees; its keys tell
// which those were, and its payloads whether the event was decoded.
func (e *env) mailer() projections.Projection {
	return projections.Projection{
		Name: countersName, Version: 1, EveryTenant: true, Saga: true, EveryType: true, Types: []string{added{}.EventType()},
		Apply: func(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
			var all []jobs.Job
			for _, c := range changes {
				if c.Event.TenantID == eventstore.SystemTenant {
					continue
				}
				if poison := e.poison.Load(); poison != nil {
					if err := (*poison)(c.Event); err != nil {
						return err
					}
				}
				payload := `"undecoded"`
				if c.Payload != nil {
					payload = `"decoded"`
				}
				all = append(all, jobs.Job{TenantID: c.Event.TenantID, Kind: "mail", Key: c.Event.ID.String(), Payload: []byte(payload)})
			}
			_, err := jobs.Enqueue(ctx, tx, all...)
			return err
		},
	}
}

func (e *env) startMailer(change ...func(*projections.Projection)) *projections.Runner {
	p := e.mailer()
	for _, f := range change {
		f(&p)
	}
	return e.start(func(c *projections.Config) { c.Projections = []projections.Projection{p} })
}

// mail lists the payloads of a tenant's jobs, in the order of their enqueueing.
func (e *env) mail(tenantID uuid.UUID) []string {
	e.t.Helper()
	rows, err := e.pool.Query(e.t.Context(), `SELECT payload #>> '{}' FROM jobs WHERE tenant_id = $1 ORDER BY seq`, tenantID)
	require.NoError(e.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(e.t, err)
	return found
}

func TestSagaSeesEveryTypeAndEnqueues(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.startMailer()
	id := uuid.New()
	e.wait(r, id, e.append(id, "a", added{1}, noted{"x"}, added{2}))
	require.Equal(t, []string{"decoded", "undecoded", "decoded"}, e.mail(id))
}

func TestSagaThatAsksForItsOwnTypes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.startMailer(func(p *projections.Projection) {
		apply := p.Apply
		p.Apply = func(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
			if changes[len(changes)-1].Event.Stream.ID == "quiet" {
				projections.OwnTypesOnly(ctx)
			}
			return apply(ctx, tx, changes)
		}
	})
	id := uuid.New()
	e.wait(r, id, e.append(id, "quiet", noted{"seen, because nothing was said before it"}))
	e.wait(r, id, e.append(id, "a", noted{"left out"}, noted{"left out"}))
	require.Equal(t, []string{"undecoded"}, e.mail(id))
	e.wait(r, id, e.append(id, "a", noted{"left out"}, added{1}, noted{"seen, because it follows its own"}))
	require.Equal(t, []string{"undecoded", "decoded", "undecoded"}, e.mail(id))
	e.wait(r, id, e.append(id, "a", noted{"seen"}))
	require.Len(t, e.mail(id), 4)
	e.wait(r, id, e.append(id, "quiet", added{1}))
	e.wait(r, id, e.append(id, "a", noted{"left out"}))
	require.Len(t, e.mail(id), 5)

	stop(t, r)
	r = e.startMailer()
	e.wait(r, id, e.append(id, "a", noted{"seen: what was said ends with the process"}))
	require.Len(t, e.mail(id), 6)
}

func TestSagaLeavesOutWhatWasBeforeIt(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	old, young := uuid.New(), uuid.New()
	e.append(old, "a", added{1}, added{1})
	r := e.startMailer()
	e.wait(r, old, e.append(old, "a", noted{"new"}))
	require.Equal(t, []string{"undecoded"}, e.mail(old))
	e.wait(r, young, e.append(young, "a", added{1}, noted{"x"}))
	require.Equal(t, []string{"decoded", "undecoded"}, e.mail(young), "a younger log from its beginning")
}

func TestSagaIsNeverRebuilt(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.startMailer()
	id := uuid.New()
	e.wait(r, id, e.append(id, "a", added{1}))
	require.ErrorIs(t, e.control.Do(t.Context(), countersName, projection.StartRebuild{Saga: true}), projection.ErrSaga)
	e.do(projection.StartRebuild{Reason: "by a node of before"}) // does not know that it is one
	e.eventually(func() bool { return e.desired().Building == nil }, "the rebuild must be cancelled")
	require.Equal(t, []string{"counters_g1"}, e.schemas())
	stop(t, r)

	r = e.startMailer(func(p *projections.Projection) { p.Version = 2 })
	e.wait(r, id, e.append(id, "a", noted{"x"}))
	require.Equal(t, []string{"decoded", "undecoded"}, e.mail(id), "another version goes on")
	require.Equal(t, 1, e.desired().Active.Version)
	stop(t, r)

	_, err := e.pool.Exec(t.Context(), `DROP SCHEMA counters_g1 CASCADE`)
	require.NoError(t, err)
	_, err = e.pool.Exec(t.Context(), `DELETE FROM jobs`) // done and forgotten
	require.NoError(t, err)
	r = e.startMailer()
	e.wait(r, id, e.append(id, "a", added{1}))
	require.Equal(t, []string{"decoded"}, e.mail(id), "it does not repeat itself even if its tables are lost")
}

// TestWhatFollowsACommit: it is done when the jobs can be seen, and for a batch that
// failed only for the events that were applied after all.
func TestWhatFollowsACommit(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	id, seen := uuid.New(), make(chan int, 100)
	r := e.startMailer(func(p *projections.Projection) {
		apply := p.Apply
		p.Apply = func(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
			if changes[0].Event.TenantID == id {
				projections.AfterCommit(ctx, func() { seen <- len(e.mail(id)) })
			}
			return apply(ctx, tx, changes)
		}
	})
	e.wait(r, id, e.append(id, "a", added{1}, added{1}))
	require.Equal(t, 2, <-seen)
	e.failOn(poison("bad", 1))
	e.wait(r, id, e.append(id, "bad", added{1}))
	e.wait(r, id, e.append(id, "a", added{1}))
	require.Equal(t, 3, <-seen)
	require.Empty(t, seen)
}

func TestSagaParksAndRedrives(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.startMailer()
	id := uuid.New()
	e.failOn(poison("bad", 2))
	e.append(id, "bad", added{1}, noted{"fails"}, added{1})
	e.wait(r, id, e.append(id, "good", added{1}))
	letterID, _ := e.letter()
	require.Len(t, e.mail(id), 2)
	e.failOn(nil)
	e.do(projection.RequestRedrive{DeadLetterID: letterID})
	e.noLetters()
	require.Equal(t, []string{"decoded", "decoded", "undecoded", "decoded"}, e.mail(id))
}

func TestSagaNeedsNoTablesAndOthersDo(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.mailer()
	p.Saga = false
	_, err := projections.NewRunner(e.config(func(c *projections.Config) { c.Projections = []projections.Projection{p} }))
	require.ErrorContains(t, err, "Tables")
	p.Saga, p.DDL = true, "CREATE TABLE x (tenant_id uuid)"
	_, err = projections.NewRunner(e.config(func(c *projections.Config) { c.Projections = []projections.Projection{p} }))
	require.ErrorContains(t, err, "Tables")
}
