-- What the feed hub asks beside the log.

-- name: HeadsOf :many
-- Across tenants: the safety poll of the feeds that are watched.
SELECT tenant_id, position, chain_hash, recorded_at FROM heads WHERE tenant_id = ANY(sqlc.arg(tenants)::uuid[]);
