-- What the event store reads and writes beside its hot paths, which hold their
-- SQL in eventstore/postgres.

-- name: Head :one
SELECT tenant_id, position, chain_hash, recorded_at FROM heads WHERE tenant_id = $1;

-- name: Heads :many
-- Across tenants: listed for catch-up and audit, paged by id.
SELECT tenant_id, position, chain_hash, recorded_at FROM heads
WHERE position > 0
  AND (tenant_id > sqlc.arg(after) OR (sqlc.arg(first)::boolean AND tenant_id = sqlc.arg(after)))
ORDER BY tenant_id LIMIT sqlc.arg(max_rows);

-- name: ClaimHolder :one
SELECT stream_type, stream_id FROM claims WHERE tenant_id = $1 AND scope = $2 AND value = $3;

-- name: IdempotencyRecord :one
SELECT key, fingerprint, position, recorded_at, response FROM idempotency WHERE tenant_id = $1 AND key = $2;

-- name: DeleteIdempotencyBefore :execrows
-- Across tenants: keys past their retention, by the block-range index.
DELETE FROM idempotency WHERE recorded_at < $1;

-- name: LoadSnapshot :one
SELECT version, state FROM snapshots
WHERE tenant_id = $1 AND stream_type = $2 AND stream_id = $3 AND state_version = $4;

-- name: SaveSnapshot :exec
INSERT INTO snapshots (tenant_id, stream_type, stream_id, state_version, version, state)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, stream_type, stream_id) DO UPDATE
SET state_version = EXCLUDED.state_version, version = EXCLUDED.version, state = EXCLUDED.state
WHERE snapshots.tenant_id = EXCLUDED.tenant_id
  AND (snapshots.state_version <> EXCLUDED.state_version OR snapshots.version < EXCLUDED.version);

-- name: SubjectKey :one
SELECT wrapped_key, erased_at FROM subject_keys WHERE tenant_id = $1 AND subject = $2;

-- name: AddSubjectKey :exec
INSERT INTO subject_keys (tenant_id, subject, wrapped_key, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, subject) DO NOTHING;
