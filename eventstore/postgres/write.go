package postgres

import (
	"bytes"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"tansu.cloud/eventstore"
)

// Every statement after the first depends on the head that the first one wrote:
// a new chain hash is unique in the world, so if the head was not advanced to
// exactly this hash, nothing is inserted.
//
// Insert from heads and unnest, with the tenant as a constant, is the form that
// Citus pushes down to one shard (and one that plain PostgreSQL runs fast).
const (
	sqlAdvanceOne = `
UPDATE heads SET position = $4, chain_hash = $5, recorded_at = $6
WHERE tenant_id = $1 AND position = $2 AND chain_hash = $3`

	sqlInsertOne = `
INSERT INTO events (tenant_id, position, version, event_id, recorded_at, schema_version,
                    stream_type, stream_id, type, hash, data, metadata)
SELECT h.tenant_id, $3 + u.n, u.version, u.event_id, $4, u.schema_version,
       u.stream_type, u.stream_id, u.type, u.hash, u.data, u.metadata
FROM heads h, unnest($5::bigint[], $6::uuid[], $7::integer[], $8::text[], $9::text[], $10::text[],
                     $11::bytea[], $12::json[], $13::json[])
     WITH ORDINALITY AS u(version, event_id, schema_version, stream_type, stream_id, type, hash, data, metadata, n)
WHERE h.tenant_id = $1 AND h.chain_hash = $2`

	sqlRecordOne = `
INSERT INTO idempotency (tenant_id, key, fingerprint, position, recorded_at, response)
SELECT h.tenant_id, u.key, u.fingerprint, u.position, $3, u.response
FROM heads h, unnest($4::text[], $5::bytea[], $6::bigint[], $7::bytea[]) AS u(key, fingerprint, position, response)
WHERE h.tenant_id = $1 AND h.chain_hash = $2`

	// The same for a single row: for a handful of rows several of these cost less
	// than one statement over arrays.
	sqlInsertRow = `
INSERT INTO events (tenant_id, position, recorded_at, version, event_id, schema_version,
                    stream_type, stream_id, type, hash, data, metadata)
SELECT h.tenant_id, $3::bigint, $4::timestamptz, $5::bigint, $6::uuid, $7::integer,
       $8::text, $9::text, $10::text, $11::bytea, $12::json, $13::json
FROM heads h WHERE h.tenant_id = $1 AND h.chain_hash = $2`

	sqlRecordRow = `
INSERT INTO idempotency (tenant_id, recorded_at, key, fingerprint, position, response)
SELECT h.tenant_id, $3::timestamptz, $4::text, $5::bytea, $6::bigint, $7::bytea
FROM heads h WHERE h.tenant_id = $1 AND h.chain_hash = $2`

	sqlTakeOne = `
INSERT INTO claims (tenant_id, scope, value, stream_type, stream_id)
SELECT h.tenant_id, u.scope, u.value, u.stream_type, u.stream_id
FROM heads h, unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS u(scope, value, stream_type, stream_id)
WHERE h.tenant_id = $1 AND h.chain_hash = $2`

	sqlRelease = `DELETE FROM claims WHERE tenant_id = $1 AND scope = $2 AND value = $3`

	sqlErase = `
INSERT INTO subject_keys (tenant_id, subject, wrapped_key, created_at, erased_at) VALUES ($1, $2, NULL, $3, $3)
ON CONFLICT (tenant_id, subject) DO UPDATE SET wrapped_key = NULL, erased_at = EXCLUDED.erased_at`

	// The same for any number of tenants in one transaction, on plain PostgreSQL. It
	// is all or nothing: if one head has moved, the division by zero takes the transaction back. Heads
	// are updated in order of id, so that two processes with overlapping batches
	// do not deadlock; should the planner choose another order, the server breaks
	// the deadlock and the locked path takes one tenant at a time.
	//
	// Arrays are unnested in the list of columns, not in FROM, where each of them
	// would go through a temporary store: that saves a seventh of the insert.
	sqlAdvanceMany = `
WITH advanced AS (
    UPDATE heads h SET position = u.new_position, chain_hash = u.new_hash, recorded_at = u.recorded_at
    FROM (SELECT unnest($1::uuid[]) AS tenant_id, unnest($2::bigint[]) AS old_position, unnest($3::bytea[]) AS old_hash,
                 unnest($4::bigint[]) AS new_position, unnest($5::bytea[]) AS new_hash, unnest($6::timestamptz[]) AS recorded_at) u
    WHERE h.tenant_id = u.tenant_id AND h.position = u.old_position AND h.chain_hash = u.old_hash
    RETURNING 1)
SELECT 1 / (count(*) = $7::bigint)::integer FROM advanced`

	sqlInsertMany = `
INSERT INTO events (tenant_id, position, recorded_at, version, event_id, schema_version,
                    stream_type, stream_id, type, hash, data, metadata)
SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::timestamptz[]), unnest($4::bigint[]), unnest($5::uuid[]),
       unnest($6::integer[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[]), unnest($10::bytea[]),
       unnest($11::json[]), unnest($12::json[])`

	sqlRecordMany = `
INSERT INTO idempotency (tenant_id, recorded_at, key, fingerprint, position, response)
SELECT unnest($1::uuid[]), unnest($2::timestamptz[]), unnest($3::text[]), unnest($4::bytea[]), unnest($5::bigint[]), unnest($6::bytea[])`
)

// rowByRow is up to how many rows are written by a statement each.
const rowByRow = 4

// writeOne adds the statements that write one tenant's plan. The first one, if
// the plan moves the head, must report one row.
func writeOne(b *batch, p *plan) {
	tenant, hash := p.old.TenantID, p.new.Hash[:]
	if p.movesHead() {
		var advance params
		advance.uuid(tenant)
		advance.int8(p.old.Position)
		advance.bytes(p.old.Hash[:])
		advance.int8(p.new.Position)
		advance.bytes(hash)
		advance.time(p.new.RecordedAt)
		b.add(sqlAdvanceOne, advance)
	}
	if p.new.Position-p.old.Position <= rowByRow {
		writeRows(b, p)
	} else {
		var insert params
		insert.uuid(tenant)
		insert.bytes(hash)
		insert.int8(p.old.Position)
		insert.time(p.new.RecordedAt)
		insert.events([]*plan{p})
		b.add(sqlInsertOne, insert)
	}
	if len(p.keys) <= rowByRow {
		writeKeyRows(b, p)
	} else {
		var record params
		record.uuid(tenant)
		record.bytes(hash)
		record.time(p.new.RecordedAt)
		record.idempotency([]*plan{p})
		b.add(sqlRecordOne, record)
	}
	if _, takes := p.holders.changes(); len(takes) > 0 {
		var take params
		take.uuid(tenant)
		take.bytes(hash)
		take.claims(takes)
		b.add(sqlTakeOne, take)
	}
}

func writeRows(b *batch, p *plan) {
	for _, pl := range p.placed {
		for i := range pl.result.Events {
			e := &pl.result.Events[i]
			row := params{make([][]byte, 0, 13)}
			row.uuid(e.TenantID)
			row.bytes(p.new.Hash[:])
			row.int8(e.Position)
			row.time(e.RecordedAt)
			row.int8(e.Version)
			row.uuid(e.ID)
			row.int4(e.SchemaVersion)
			row.text(e.Stream.Type)
			row.text(e.Stream.ID)
			row.text(e.Type)
			row.bytes(e.Hash[:])
			row.bytes(e.Data)
			row.bytes(e.Metadata)
			b.add(sqlInsertRow, row)
		}
	}
}

func writeKeyRows(b *batch, p *plan) {
	for _, pl := range p.placed {
		if k := pl.Idempotency; k != nil {
			var row params
			row.uuid(pl.TenantID)
			row.bytes(p.new.Hash[:])
			row.time(p.new.RecordedAt)
			row.text(k.Key)
			row.bytes(k.Fingerprint[:])
			row.int8(pl.result.Position)
			row.bytes(append([]byte{}, k.Response...)) // never NULL
			b.add(sqlRecordRow, row)
		}
	}
}

// writeMany adds the statements that write the plans of several tenants.
func writeMany(b *batch, plans []*plan) {
	slices.SortFunc(plans, func(a, b *plan) int { return bytes.Compare(a.old.TenantID[:], b.old.TenantID[:]) })
	tenants, ats := newArray(pgtype.UUIDOID, 20*len(plans)), newArray(pgtype.TimestamptzOID, 12*len(plans))
	oldPositions, newPositions := newArray(pgtype.Int8OID, 12*len(plans)), newArray(pgtype.Int8OID, 12*len(plans))
	oldHashes, newHashes := newArray(pgtype.ByteaOID, 36*len(plans)), newArray(pgtype.ByteaOID, 36*len(plans))
	keys := false
	for _, p := range plans {
		tenants.bytes(p.old.TenantID[:])
		oldPositions.int8(p.old.Position)
		newPositions.int8(p.new.Position)
		oldHashes.bytes(p.old.Hash[:])
		newHashes.bytes(p.new.Hash[:])
		ats.time(p.new.RecordedAt)
		keys = keys || len(p.keys) > 0
	}
	var advance, insert params
	for _, a := range []*arrayParam{tenants, oldPositions, oldHashes, newPositions, newHashes, ats} {
		advance.array(a)
	}
	advance.int8(int64(len(plans)))
	b.add(sqlAdvanceMany, advance)

	insert.places(plans)
	insert.events(plans)
	b.add(sqlInsertMany, insert)

	if keys {
		var record params
		record.keyPlaces(plans)
		record.idempotency(plans)
		b.add(sqlRecordMany, record)
	}
	// Claims are rare: a statement per tenant that has some.
	for _, p := range plans {
		if _, takes := p.holders.changes(); len(takes) > 0 {
			var take params
			take.uuid(p.old.TenantID)
			take.bytes(p.new.Hash[:])
			take.claims(takes)
			b.add(sqlTakeOne, take)
		}
	}
}

// writeReleases adds the deletion of the values that the plan frees.
func writeReleases(b *batch, p *plan) {
	deletes, _ := p.holders.changes()
	for _, k := range deletes {
		var release params
		release.uuid(p.old.TenantID)
		release.text(k.scope)
		release.text(k.value)
		b.add(sqlRelease, release)
	}
}

// writeErasures adds the destruction of data subjects' keys.
func writeErasures(b *batch, p *plan) {
	for _, pl := range p.placed {
		for _, subject := range pl.EraseSubjects {
			var erase params
			erase.uuid(p.old.TenantID)
			erase.text(subject)
			erase.time(p.new.RecordedAt)
			b.add(sqlErase, erase)
		}
	}
}

// events adds the nine event columns from version to metadata.
func (p *params) events(plans []*plan) {
	n, size := 0, 0
	each := func(fn func(*eventstore.Event)) {
		for _, plan := range plans {
			for _, pl := range plan.placed {
				for i := range pl.result.Events {
					fn(&pl.result.Events[i])
				}
			}
		}
	}
	each(func(e *eventstore.Event) { n, size = n+1, size+len(e.Data) })

	versions, ids, schemas := newArray(pgtype.Int8OID, 12*n), newArray(pgtype.UUIDOID, 20*n), newArray(pgtype.Int4OID, 8*n)
	streamTypes, streamIDs, types := newArray(pgtype.TextOID, 20*n), newArray(pgtype.TextOID, 40*n), newArray(pgtype.TextOID, 30*n)
	hashes := newArray(pgtype.ByteaOID, 36*n)
	data, metadata := newArray(pgtype.JSONOID, size+4*n), newArray(pgtype.JSONOID, 200*n)
	each(func(e *eventstore.Event) {
		versions.int8(e.Version)
		ids.bytes(e.ID[:])
		schemas.int4(e.SchemaVersion)
		streamTypes.text(e.Stream.Type)
		streamIDs.text(e.Stream.ID)
		types.text(e.Type)
		hashes.bytes(e.Hash[:])
		data.bytes(e.Data)
		metadata.bytes(e.Metadata)
	})
	for _, a := range []*arrayParam{versions, ids, schemas, streamTypes, streamIDs, types, hashes, data, metadata} {
		p.array(a)
	}
}

// places adds the tenant, position and time columns, which only a write for
// several tenants needs.
func (p *params) places(plans []*plan) {
	n := 0
	for _, plan := range plans {
		n += int(plan.new.Position - plan.old.Position)
	}
	tenants, positions, ats := newArray(pgtype.UUIDOID, 20*n), newArray(pgtype.Int8OID, 12*n), newArray(pgtype.TimestamptzOID, 12*n)
	for _, plan := range plans {
		for position := plan.old.Position + 1; position <= plan.new.Position; position++ {
			tenants.bytes(plan.old.TenantID[:])
			positions.int8(position)
			ats.time(plan.new.RecordedAt)
		}
	}
	p.array(tenants)
	p.array(positions)
	p.array(ats)
}

// idempotency adds the key, fingerprint, position and response columns.
func (p *params) idempotency(plans []*plan) {
	n, size := 0, 0
	for _, plan := range plans {
		n += len(plan.keys)
		for _, pl := range plan.placed {
			if k := pl.Idempotency; k != nil {
				size += len(k.Response)
			}
		}
	}
	keys, fingerprints := newArray(pgtype.TextOID, 40*n), newArray(pgtype.ByteaOID, 36*n)
	positions, responses := newArray(pgtype.Int8OID, 12*n), newArray(pgtype.ByteaOID, size+4*n)
	for _, plan := range plans {
		for _, pl := range plan.placed {
			if k := pl.Idempotency; k != nil {
				keys.text(k.Key)
				fingerprints.bytes(k.Fingerprint[:])
				positions.int8(pl.result.Position)
				responses.bytes(k.Response)
			}
		}
	}
	for _, a := range []*arrayParam{keys, fingerprints, positions, responses} {
		p.array(a)
	}
}

// keyPlaces adds the tenant and time columns that go with idempotency.
func (p *params) keyPlaces(plans []*plan) {
	n := 0
	for _, plan := range plans {
		n += len(plan.keys)
	}
	tenants, ats := newArray(pgtype.UUIDOID, 20*n), newArray(pgtype.TimestamptzOID, 12*n)
	for _, plan := range plans {
		for range plan.keys {
			tenants.bytes(plan.old.TenantID[:])
			ats.time(plan.new.RecordedAt)
		}
	}
	p.array(tenants)
	p.array(ats)
}

// claims adds the scope, value and holder columns.
func (p *params) claims(takes []eventstore.Claim) {
	scopes, values := newArray(pgtype.TextOID, 0), newArray(pgtype.TextOID, 0)
	streamTypes, streamIDs := newArray(pgtype.TextOID, 0), newArray(pgtype.TextOID, 0)
	for _, c := range takes {
		scopes.text(c.Scope)
		values.text(c.Value)
		streamTypes.text(c.Stream.Type)
		streamIDs.text(c.Stream.ID)
	}
	for _, a := range []*arrayParam{scopes, values, streamTypes, streamIDs} {
		p.array(a)
	}
}
