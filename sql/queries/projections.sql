-- What the projection runner keeps: checkpoints, parked streams, leases, and
-- which generation of each read model serves. Tables are qualified because the
-- transactions of a projection run with the search path of its generation.

-- name: Checkpoint :one
SELECT position FROM public.checkpoints
WHERE tenant_id = $1 AND projection = $2 AND generation = $3;

-- name: OnlyOtherTypes :one
-- Whether the log reaches a position and has nothing of these types before it.
SELECT (count(*) = sqlc.arg(up_to)::bigint - sqlc.arg(after)::bigint
  AND count(*) FILTER (WHERE type = ANY(sqlc.arg(types)::text[])) = 0)::boolean AS only_others
FROM public.events
WHERE tenant_id = $1 AND position > sqlc.arg(after)::bigint AND position <= sqlc.arg(up_to)::bigint;

-- name: MoveCheckpoint :execrows
-- The compare that makes every batch count once, and the fence that refuses a
-- writer whose lease went to someone else.
UPDATE public.checkpoints SET position = sqlc.arg(to_position), fence = sqlc.arg(fence), recorded_at = sqlc.arg(recorded_at)
WHERE tenant_id = $1 AND projection = $2 AND generation = $3
  AND position = sqlc.arg(from_position) AND fence <= sqlc.arg(fence);

-- name: ClaimCheckpoint :execrows
-- Changes nothing but the fence: once it is committed, no writer with an older
-- lease moves this checkpoint, and none that did is still under way.
UPDATE public.checkpoints SET fence = sqlc.arg(fence)
WHERE tenant_id = $1 AND projection = $2 AND generation = $3
  AND position = sqlc.arg(position) AND fence <= sqlc.arg(fence);

-- name: InsertCheckpoint :execrows
INSERT INTO public.checkpoints (tenant_id, projection, generation, position, fence, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, projection, generation) DO NOTHING;

-- name: TenantBehind :many
-- The safety poll of a projection of one tenant's log.
SELECT h.tenant_id, h.position AS head, COALESCE(c.position, 0)::bigint AS position
FROM public.heads h
LEFT JOIN public.checkpoints c ON c.tenant_id = h.tenant_id AND c.tenant_id = $1
  AND c.projection = sqlc.arg(projection) AND c.generation = sqlc.arg(generation)
WHERE h.tenant_id = $1 AND h.position > COALESCE(c.position, 0);

-- name: TenantsBehind :many
-- Across tenants: the safety poll of a projection of every log, in pages that
-- begin with a given tenant.
SELECT h.tenant_id, h.position AS head, COALESCE(c.position, 0)::bigint AS position
FROM public.heads h
LEFT JOIN public.checkpoints c ON c.tenant_id = h.tenant_id
  AND c.projection = sqlc.arg(projection) AND c.generation = sqlc.arg(generation)
WHERE h.tenant_id >= sqlc.arg(from_tenant) AND h.position > COALESCE(c.position, 0)
ORDER BY h.tenant_id LIMIT sqlc.arg(max_rows);

-- name: BehindGeneration :many
-- Across tenants: where one generation has read less than another.
SELECT o.tenant_id, o.position AS head
FROM public.checkpoints o
LEFT JOIN public.checkpoints n ON n.tenant_id = o.tenant_id
  AND n.projection = o.projection AND n.generation = sqlc.arg(generation)
WHERE o.projection = sqlc.arg(projection) AND o.generation = sqlc.arg(than_generation)
  AND o.position > COALESCE(n.position, 0)
ORDER BY o.tenant_id LIMIT sqlc.arg(max_rows);

-- name: TenantProgress :one
-- How far a projection of one tenant's log is: events done and in the log, and
-- when the first event was recorded that it has not looked at.
SELECT COALESCE(LEAST(c.position, h.position), 0)::bigint AS done, h.position AS total,
  COALESCE((SELECT e.recorded_at FROM public.events e
    WHERE e.tenant_id = $1 AND e.position = COALESCE(c.position, 0) + 1), now())::timestamptz AS oldest_waiting
FROM public.heads h
LEFT JOIN public.checkpoints c ON c.tenant_id = h.tenant_id AND c.tenant_id = $1
  AND c.projection = sqlc.arg(projection) AND c.generation = sqlc.arg(generation)
WHERE h.tenant_id = $1;

-- name: EveryTenantProgress :one
-- Across tenants: the same for a projection of every log.
SELECT COALESCE(SUM(LEAST(COALESCE(c.position, 0), h.position)), 0)::bigint AS done,
  COALESCE(SUM(h.position), 0)::bigint AS total,
  COALESCE(MIN(e.recorded_at), now())::timestamptz AS oldest_waiting
FROM public.heads h
LEFT JOIN public.checkpoints c ON c.tenant_id = h.tenant_id
  AND c.projection = sqlc.arg(projection) AND c.generation = sqlc.arg(generation)
LEFT JOIN public.events e ON e.tenant_id = h.tenant_id AND e.position = COALESCE(c.position, 0) + 1;

-- name: AnyTenantBehind :one
-- Across tenants: whether a projection of every log has not looked yet at something
-- that was recorded up to a time.
SELECT EXISTS (
  SELECT FROM public.heads h
  LEFT JOIN public.checkpoints c ON c.tenant_id = h.tenant_id
    AND c.projection = sqlc.arg(projection) AND c.generation = sqlc.arg(generation)
  JOIN public.events e ON e.tenant_id = h.tenant_id AND e.position = COALESCE(c.position, 0) + 1
  WHERE e.recorded_at <= sqlc.arg(until)::timestamptz)::boolean AS behind;

-- name: DeleteCheckpoints :exec
-- Across tenants: of a generation that is dropped.
DELETE FROM public.checkpoints WHERE projection = $1 AND generation = $2;

-- name: TenantParkedStreams :many
SELECT stream_type, stream_id, dead_letter_id FROM public.parked_streams
WHERE tenant_id = $1 AND projection = $2 AND generation = $3;

-- name: ParkedStream :one
SELECT dead_letter_id, position, version FROM public.parked_streams
WHERE tenant_id = $1 AND projection = $2 AND generation = $3 AND stream_type = $4 AND stream_id = $5;

-- name: ParkedStreams :many
-- Across tenants: compared with the open dead letters in the log.
SELECT tenant_id, stream_type, stream_id, dead_letter_id FROM public.parked_streams
WHERE projection = $1 AND generation = $2 ORDER BY tenant_id, stream_type, stream_id LIMIT sqlc.arg(max_rows);

-- name: CountParkedStreams :one
-- Across tenants: for the status of a projection and its limit.
SELECT count(*) FROM public.parked_streams WHERE projection = $1 AND generation = $2;

-- name: InsertParkedStream :exec
INSERT INTO public.parked_streams (tenant_id, projection, generation, stream_type, stream_id, dead_letter_id, position, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: MoveParkedStream :execrows
UPDATE public.parked_streams SET position = sqlc.arg(to_position), version = sqlc.arg(to_version)
WHERE tenant_id = $1 AND projection = $2 AND generation = $3 AND stream_type = $4 AND stream_id = $5
  AND dead_letter_id = $6 AND version = sqlc.arg(from_version);

-- name: DeleteParkedStream :execrows
DELETE FROM public.parked_streams
WHERE tenant_id = $1 AND projection = $2 AND generation = $3 AND stream_type = $4 AND stream_id = $5
  AND dead_letter_id = $6;

-- name: DeleteParkedStreams :exec
-- Across tenants: of a generation that is dropped.
DELETE FROM public.parked_streams WHERE projection = $1 AND generation = $2;

-- name: AcquireLease :one
-- Taken when it is free, has run out, or is the caller's own from before a
-- restart. The token is higher than that of every lease taken before, of
-- whatever name: a checkpoint is written under several leases in the course of
-- time, and its fence compares their tokens.
INSERT INTO public.leases (name, holder, token, expires_at)
SELECT sqlc.arg(name), sqlc.arg(holder), COALESCE(max(l.token), 0) + 1, now() + sqlc.arg(ttl)::interval
FROM public.leases l
ON CONFLICT (name) DO UPDATE
SET holder = EXCLUDED.holder, token = GREATEST(EXCLUDED.token, leases.token + 1), expires_at = EXCLUDED.expires_at
WHERE leases.expires_at <= now() OR leases.holder = EXCLUDED.holder
RETURNING token;

-- name: RenewLeases :many
-- Returns the names of those that the caller still has.
UPDATE public.leases SET expires_at = now() + sqlc.arg(ttl)::interval
FROM (SELECT unnest(sqlc.arg(names)::text[]) AS name, unnest(sqlc.arg(tokens)::bigint[]) AS token) held
WHERE leases.name = held.name AND leases.token = held.token AND leases.holder = sqlc.arg(holder)
RETURNING leases.name;

-- name: ReleaseLeases :exec
UPDATE public.leases SET expires_at = now()
FROM (SELECT unnest(sqlc.arg(names)::text[]) AS name, unnest(sqlc.arg(tokens)::bigint[]) AS token) held
WHERE leases.name = held.name AND leases.token = held.token AND leases.holder = sqlc.arg(holder);

-- name: LeasesInForce :many
-- The lease of a name and those below it.
SELECT name, holder FROM public.leases
WHERE (name = sqlc.arg(name)::text OR starts_with(name, sqlc.arg(name)::text || '/')) AND expires_at > now();

-- name: ForgetLeases :exec
-- Of processes that have not come back for an hour.
DELETE FROM public.leases WHERE starts_with(name, sqlc.arg(prefix)::text) AND expires_at < now() - interval '1 hour';

-- name: FenceCheckpoints :exec
-- Across tenants: from now on no writer with an older lease moves them, however
-- late it wakes up.
UPDATE public.checkpoints SET fence = sqlc.arg(fence)
WHERE projection = $1 AND generation = $2 AND fence < sqlc.arg(fence);

-- name: SeedCheckpoints :exec
-- Across tenants: a saga leaves out what was in the log before it.
INSERT INTO public.checkpoints (tenant_id, projection, generation, position, fence, recorded_at)
SELECT h.tenant_id, sqlc.arg(projection)::text, sqlc.arg(generation)::integer, h.position, 0, h.recorded_at
FROM public.heads h
ON CONFLICT (tenant_id, projection, generation) DO NOTHING;

-- name: ServingGeneration :one
SELECT generation FROM public.read_models WHERE projection = $1;

-- name: ServeGeneration :execrows
-- Generations only go up, so a process that lost its lease cannot switch back.
INSERT INTO public.read_models (projection, generation, version, switched_at)
VALUES ($1, $2, $3, now())
ON CONFLICT (projection) DO UPDATE
SET generation = EXCLUDED.generation, version = EXCLUDED.version, switched_at = EXCLUDED.switched_at
WHERE read_models.generation <= EXCLUDED.generation;

-- name: GenerationSchemas :many
-- The schemas whose names match a pattern: the generations of a projection.
SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname ~ sqlc.arg(pattern)::text ORDER BY nspname;

-- name: StopServing :exec
DELETE FROM public.read_models WHERE projection = $1 AND generation = $2;
