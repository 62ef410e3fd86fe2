-- The read model of projection dead_letters.

-- name: DeadLetterRows :many
SELECT tenant_id, id, projection, generation, status, log_tenant, stream_type, stream_id, position, event_id, event_type, error, attempts, reason, parked_at, updated_at FROM dead_letters
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertDeadLetters :exec
INSERT INTO dead_letters (tenant_id, id, projection, generation, status, log_tenant, stream_type, stream_id, position, event_id, event_type, error, attempts, reason, parked_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(projections)::text[]),
    unnest(sqlc.arg(generations)::integer[]), unnest(sqlc.arg(statuses)::text[]),
    unnest(sqlc.arg(log_tenants)::uuid[]), unnest(sqlc.arg(stream_types)::text[]),
    unnest(sqlc.arg(stream_ids)::text[]), unnest(sqlc.arg(positions)::bigint[]),
    unnest(sqlc.arg(event_ids)::uuid[]), unnest(sqlc.arg(event_types)::text[]),
    unnest(sqlc.arg(errors)::text[]), unnest(sqlc.arg(attempts)::integer[]),
    unnest(sqlc.arg(reasons)::text[]), unnest(sqlc.arg(parked)::timestamptz[]),
    unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET status = EXCLUDED.status, position = EXCLUDED.position, event_id = EXCLUDED.event_id, event_type = EXCLUDED.event_type,
    error = EXCLUDED.error, attempts = EXCLUDED.attempts, reason = EXCLUDED.reason, updated_at = EXCLUDED.updated_at;

-- name: DeadLetterByID :one
SELECT tenant_id, id, projection, generation, status, log_tenant, stream_type, stream_id, position, event_id, event_type, error, attempts, reason, parked_at, updated_at FROM dead_letters
WHERE tenant_id = $1 AND id = $2;

-- name: OldestDeadLetters :many
SELECT tenant_id, id, projection, generation, status, log_tenant, stream_type, stream_id, position, event_id, event_type, error, attempts, reason, parked_at, updated_at FROM dead_letters
WHERE tenant_id = $1
  AND (sqlc.narg(projection)::text IS NULL OR projection = sqlc.narg(projection))
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (parked_at, id) > (sqlc.arg(after_parked_at)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY parked_at, id LIMIT sqlc.arg(max_rows);

-- name: NewestDeadLetters :many
SELECT tenant_id, id, projection, generation, status, log_tenant, stream_type, stream_id, position, event_id, event_type, error, attempts, reason, parked_at, updated_at FROM dead_letters
WHERE tenant_id = $1
  AND (sqlc.narg(projection)::text IS NULL OR projection = sqlc.narg(projection))
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (parked_at, id) < (sqlc.arg(after_parked_at)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY parked_at DESC, id DESC LIMIT sqlc.arg(max_rows);
