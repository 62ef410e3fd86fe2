-- The owner's credential, and what `tansu doctor` asks the server.

-- name: OperatorTokenHash :one
SELECT token_hash FROM operator_token WHERE id = 1;

-- name: AddOperatorToken :execrows
-- Of several processes that start at once, one wins.
INSERT INTO operator_token (id, token_hash, created_at) VALUES (1, $1, now())
ON CONFLICT (id) DO NOTHING;

-- name: ConfigureOperatorToken :exec
-- Of a node that starts with one. A token that was switched off stays off.
INSERT INTO operator_token (id, token_hash, created_at) VALUES (1, $1, now())
ON CONFLICT (id) DO UPDATE SET token_hash = EXCLUDED.token_hash, created_at = EXCLUDED.created_at
WHERE operator_token.token_hash <> EXCLUDED.token_hash AND operator_token.token_hash <> '';

-- name: SetOperatorToken :exec
-- An empty hash, which is that of no token, switches it off.
INSERT INTO operator_token (id, token_hash, created_at) VALUES (1, $1, now())
ON CONFLICT (id) DO UPDATE SET token_hash = EXCLUDED.token_hash, created_at = EXCLUDED.created_at
WHERE operator_token.token_hash <> EXCLUDED.token_hash;

-- name: ServerState :one
SELECT current_setting('server_version')::text AS version,
  current_setting('server_version_num')::integer AS version_num,
  current_setting('fsync')::text AS fsync,
  current_setting('full_page_writes')::text AS full_page_writes,
  current_setting('synchronous_commit')::text AS synchronous_commit,
  current_setting('data_checksums')::text AS data_checksums,
  current_setting('max_connections')::integer AS max_connections,
  current_setting('superuser_reserved_connections')::integer AS reserved_connections,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::integer AS connections,
  clock_timestamp()::timestamptz AS clock;

-- name: OldTransactions :many
-- Transactions that hold back the cleaning of dead rows, the oldest first.
SELECT pid::integer AS pid, COALESCE(datname, '')::text AS database, COALESCE(application_name, '')::text AS application,
  COALESCE(state, '')::text AS state, extract(epoch FROM clock_timestamp() - xact_start)::double precision AS seconds
FROM pg_catalog.pg_stat_activity
WHERE xact_start < clock_timestamp() - sqlc.arg(older_than)::interval AND pid <> pg_backend_pid()
  AND backend_type = 'client backend'
ORDER BY xact_start LIMIT 20;

-- name: ServingLag :many
-- Across tenants: how far the serving generation of each projection is behind
-- the logs that it has begun to read.
SELECT r.projection, COALESCE(sum(h.position - c.position), 0)::bigint AS events,
  (SELECT count(*) FROM parked_streams p WHERE p.projection = r.projection AND p.generation = r.generation) AS parked
FROM read_models r
LEFT JOIN checkpoints c ON c.projection = r.projection AND c.generation = r.generation
LEFT JOIN heads h ON h.tenant_id = c.tenant_id
GROUP BY r.projection, r.generation ORDER BY r.projection;
