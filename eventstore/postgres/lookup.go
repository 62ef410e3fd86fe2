package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
)

// seen is the truth about one tenant, read under the lock of its head.
type seen struct {
	conn      *pgx.Conn
	head      eventstore.Head
	versions  map[eventstore.Stream]int64
	holders   map[claimKey]eventstore.Stream
	records   map[string]*eventstore.IdempotencyRecord
	committed map[uuid.UUID]bool // first events of requests in doubt that are in the log
}

const (
	// A node that vanishes without closing its connections would otherwise hold
	// the lock until the server's TCP stack gives up on it. As attemptTimeout.
	sqlBoundLock = `SET LOCAL idle_in_transaction_session_timeout = '10s'`

	sqlCreateHead = `
INSERT INTO heads (tenant_id, position, chain_hash, recorded_at)
VALUES ($1, 0, decode(repeat('00', 32), 'hex'), to_timestamp(0)) ON CONFLICT (tenant_id) DO NOTHING`

	sqlLockHead = sqlHead + ` FOR UPDATE`

	sqlVersions = `
SELECT s.stream_type, s.stream_id, e.version
FROM unnest($2::text[], $3::text[]) AS s(stream_type, stream_id)
CROSS JOIN LATERAL (
    SELECT version FROM events
    WHERE tenant_id = $1 AND stream_type = s.stream_type AND stream_id = s.stream_id
    ORDER BY version DESC LIMIT 1) e`

	sqlHolders = `
SELECT c.scope, c.value, c.stream_type, c.stream_id
FROM claims c JOIN unnest($2::text[], $3::text[]) AS u(scope, value) ON c.scope = u.scope AND c.value = u.value
WHERE c.tenant_id = $1`

	sqlRecords = `
SELECT key, fingerprint, position, recorded_at, response FROM idempotency WHERE tenant_id = $1 AND key = ANY($2::text[])`

	sqlCommitted = `
SELECT event_id FROM events WHERE tenant_id = $1 AND position > $2 AND event_id = ANY($3::uuid[])`
)

// lookUp begins a transaction, locks the tenant's head (making it if this is
// the tenant's first append) and reads what the requests need. Each statement
// sees what was committed before the lock was granted.
func lookUp(ctx context.Context, conn *pgx.Conn, g *group) (*seen, error) {
	s := &seen{
		conn:      conn,
		head:      eventstore.Head{TenantID: g.tenant},
		versions:  map[eventstore.Stream]int64{},
		holders:   map[claimKey]eventstore.Stream{},
		records:   map[string]*eventstore.IdempotencyRecord{},
		committed: map[uuid.UUID]bool{},
	}
	var streamTypes, streamIDs, scopes, values, keys []string
	var doubted []uuid.UUID
	doubtAfter := int64(-1)
	for _, r := range g.requests {
		for _, w := range r.Writes {
			streamTypes, streamIDs = append(streamTypes, w.Stream.Type), append(streamIDs, w.Stream.ID)
		}
		for _, c := range r.Claims {
			scopes, values = append(scopes, c.Scope), append(values, c.Value)
		}
		if r.Idempotency != nil {
			keys = append(keys, r.Idempotency.Key)
		}
		if r.inDoubt && len(r.Writes) > 0 {
			doubted = append(doubted, r.firstEvent())
			if doubtAfter < 0 || r.doubtAfter < doubtAfter {
				doubtAfter = r.doubtAfter
			}
		}
	}

	b := &pgx.Batch{}
	b.Queue("begin")
	b.Queue(sqlBoundLock)
	b.Queue(sqlCreateHead, g.tenant)
	b.Queue(sqlLockHead, g.tenant).QueryRow(func(row pgx.Row) error { return scanHead(row, &s.head) })
	if len(streamIDs) > 0 {
		b.Queue(sqlVersions, g.tenant, streamTypes, streamIDs).Query(eachRow(func(rows pgx.Rows) error {
			var stream eventstore.Stream
			var version int64
			err := rows.Scan(&stream.Type, &stream.ID, &version)
			s.versions[stream] = version
			return err
		}))
	}
	if len(values) > 0 {
		b.Queue(sqlHolders, g.tenant, scopes, values).Query(eachRow(func(rows pgx.Rows) error {
			var k claimKey
			var holder eventstore.Stream
			err := rows.Scan(&k.scope, &k.value, &holder.Type, &holder.ID)
			s.holders[k] = holder
			return err
		}))
	}
	if len(keys) > 0 {
		b.Queue(sqlRecords, g.tenant, keys).Query(eachRow(func(rows pgx.Rows) error {
			var r eventstore.IdempotencyRecord
			var fingerprint []byte
			err := rows.Scan(&r.Key, &fingerprint, &r.Position, &r.RecordedAt, &r.Response)
			copy(r.Fingerprint[:], fingerprint)
			r.RecordedAt = r.RecordedAt.UTC()
			s.records[r.Key] = &r
			return err
		}))
	}
	if len(doubted) > 0 {
		b.Queue(sqlCommitted, g.tenant, doubtAfter, doubted).Query(eachRow(func(rows pgx.Rows) error {
			var id uuid.UUID
			err := rows.Scan(&id)
			s.committed[id] = true
			return err
		}))
	}
	return s, conn.SendBatch(ctx, b).Close()
}

func eachRow(fn func(pgx.Rows) error) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		for rows.Next() {
			if err := fn(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}

// committedBefore returns the result of a request whose commit went through
// although its acknowledgement was lost. OnCommit hears of its events now.
func (l *lane) committedBefore(ctx context.Context, conn *pgx.Conn, r *request, first uuid.UUID) (eventstore.Appended, error) {
	n := 0
	for _, w := range r.Writes {
		n += len(w.Events)
	}
	rows, err := conn.Query(ctx, sqlSelectEvents+`
WHERE tenant_id = $1 AND position >= (
    SELECT position FROM events WHERE tenant_id = $1 AND position > $2 AND event_id = $3)
ORDER BY position LIMIT $4`, binaryRows, r.TenantID, r.doubtAfter, first, n)
	if err != nil {
		return eventstore.Appended{}, err
	}
	events, err := scanEvents(rows, r.TenantID)
	if err != nil {
		return eventstore.Appended{}, err
	}
	if len(events) != n {
		return eventstore.Appended{}, fmt.Errorf("found %d of %d events of an append", len(events), n)
	}
	l.store.metrics.lookedUp.Add(ctx, 1)
	l.store.opts.OnCommit(events)
	return eventstore.Appended{Events: events, Position: events[n-1].Position}, nil
}
