package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// Record is what people may know of a job: everything but its payload, which may
// hold what is not theirs to see.
type Record struct {
	TenantID, ID     uuid.UUID
	Kind, Key, Group string
	State            string
	Attempts         int   // since the last re-drive
	Claims           int64 // ever; at a death it says which one
	RunAt            time.Time
	EnqueuedAt       time.Time
	FinishedAt       time.Time // done, dead or discarded; else zero
	Worker           string    // who claimed it last
	LastError        string
}

// Queue answers questions about jobs and carries out what people decide about
// dead ones.
type Queue struct{ queries *db.Queries }

// NewQueue works on a pool or in a transaction.
func NewQueue(tx db.DBTX) *Queue { return &Queue{db.New(tx)} }

// ListQuery selects jobs of a tenant.
type ListQuery struct {
	State, Kind string    // empty: all
	Before      uuid.UUID // only those enqueued before this one; nil: from the newest on
	Limit       int
}

// List returns jobs, the newest first.
func (q *Queue) List(ctx context.Context, tenant uuid.UUID, l ListQuery) (records []Record, more bool, err error) {
	if l.Before == uuid.Nil {
		l.Before = uuid.Max
	}
	p := db.NewestJobsParams{TenantID: tenant, Before: l.Before, State: l.State, Kind: l.Kind, MaxRows: int32(l.Limit) + 1}
	if l.State == "" || l.State == StateDone {
		rows, err := q.queries.NewestJobs(ctx, p)
		if err != nil {
			return nil, false, err
		}
		for _, row := range rows {
			records = append(records, record(db.JobByIDRow(row)))
		}
	} else {
		rows, err := q.queries.NewestOpenJobs(ctx, db.NewestOpenJobsParams(p))
		if err != nil {
			return nil, false, err
		}
		for _, row := range rows {
			records = append(records, record(db.JobByIDRow(row)))
		}
	}
	if len(records) > l.Limit {
		return records[:l.Limit], true, nil
	}
	return records, false, nil
}

// DeadQuery selects dead jobs of a tenant.
type DeadQuery struct {
	Kind string // empty: all
	// DiedUntil leaves out what died later, such as what died again since a
	// re-drive began; zero: all.
	DiedUntil time.Time
	Limit     int
}

// Dead returns dead jobs in the order in which they were enqueued.
func (q *Queue) Dead(ctx context.Context, tenant uuid.UUID, d DeadQuery) (records []Record, more bool, err error) {
	p := db.DeadJobsParams{TenantID: tenant, Kind: d.Kind, MaxRows: int32(d.Limit) + 1}
	if !d.DiedUntil.IsZero() {
		p.DiedUntil = &d.DiedUntil
	}
	rows, err := q.queries.DeadJobs(ctx, p)
	if err != nil {
		return nil, false, err
	}
	for _, row := range rows {
		records = append(records, record(db.JobByIDRow(row)))
	}
	if len(records) > d.Limit {
		return records[:d.Limit], true, nil
	}
	return records, false, nil
}

// Get returns one job or ErrNotFound.
func (q *Queue) Get(ctx context.Context, tenant, id uuid.UUID) (Record, error) {
	row, err := q.queries.JobByID(ctx, db.JobByIDParams{TenantID: tenant, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, ErrNotFound
	}
	return record(row), err
}

// Redrive makes a dead job ready again, with all its attempts and in its old
// place in the order. claims is that of its Record: a repeat of the order after
// the job has died again changes nothing.
func (q *Queue) Redrive(ctx context.Context, tenant, id uuid.UUID, claims int64) (changed bool, err error) {
	n, err := q.queries.RedriveJob(ctx, db.RedriveJobParams{TenantID: tenant, ID: id, Claim: claims})
	return n > 0, err
}

// Discard gives a dead job up, so that its group goes on; claims is as in
// Redrive. Its key stays known for the retention.
func (q *Queue) Discard(ctx context.Context, tenant, id uuid.UUID, claims int64) (changed bool, err error) {
	n, err := q.queries.DiscardJob(ctx, db.DiscardJobParams{TenantID: tenant, ID: id, Claim: claims})
	return n > 0, err
}

func record(r db.JobByIDRow) Record {
	record := Record{
		TenantID: r.TenantID, ID: r.ID, Kind: r.Kind, Key: r.Key, Group: r.JobGroup, State: r.State,
		Attempts: int(r.Attempts), Claims: r.Claim, RunAt: r.RunAt, EnqueuedAt: r.EnqueuedAt,
		Worker: r.Worker, LastError: r.LastError,
	}
	if r.FinishedAt != nil {
		record.FinishedAt = *r.FinishedAt
	}
	return record
}
