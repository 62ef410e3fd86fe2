-- The read model of projection webhooks.

-- name: WebhookRows :many
SELECT tenant_id, id, url, description, topics, filter, status, disabled_reason, fingerprint, previous_fingerprint, previous_until, version, created_at, updated_at FROM webhooks
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertWebhooks :exec
INSERT INTO webhooks (tenant_id, id, url, description, topics, filter, status, disabled_reason, fingerprint, previous_fingerprint, previous_until, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(urls)::text[]),
    unnest(sqlc.arg(descriptions)::text[]), unnest(sqlc.arg(topics)::jsonb[]),
    unnest(sqlc.arg(filters)::text[]), unnest(sqlc.arg(statuses)::text[]),
    unnest(sqlc.arg(reasons)::text[]), unnest(sqlc.arg(fingerprints)::text[]),
    unnest(sqlc.arg(previous_fingerprints)::text[]), unnest(sqlc.arg(previous_untils)::timestamptz[]),
    unnest(sqlc.arg(versions)::bigint[]), unnest(sqlc.arg(created)::timestamptz[]),
    unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET url = EXCLUDED.url, description = EXCLUDED.description, topics = EXCLUDED.topics, filter = EXCLUDED.filter,
    status = EXCLUDED.status, disabled_reason = EXCLUDED.disabled_reason, fingerprint = EXCLUDED.fingerprint,
    previous_fingerprint = EXCLUDED.previous_fingerprint, previous_until = EXCLUDED.previous_until,
    version = EXCLUDED.version, updated_at = EXCLUDED.updated_at;

-- name: DeleteWebhooks :exec
DELETE FROM webhooks WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: WebhookByID :one
SELECT tenant_id, id, url, description, topics, filter, status, disabled_reason, fingerprint, previous_fingerprint, previous_until, version, created_at, updated_at FROM webhooks
WHERE tenant_id = $1 AND id = $2;

-- name: ListWebhooks :many
-- A tenant has few, so there are no pages.
SELECT tenant_id, id, url, description, topics, filter, status, disabled_reason, fingerprint, previous_fingerprint, previous_until, version, created_at, updated_at FROM webhooks
WHERE tenant_id = $1
ORDER BY created_at, id LIMIT sqlc.arg(max_rows);

-- The state of saga webhook_deliveries. Outside of its transactions the name
-- means the view of the serving generation.

-- name: WebhookSubscriptions :many
SELECT tenant_id, id, url, topics, filter, status, secret_id, previous_secret_id, previous_until FROM webhook_subscriptions
WHERE tenant_id = $1 ORDER BY id;

-- name: WebhookSubscription :one
SELECT tenant_id, id, url, topics, filter, status, secret_id, previous_secret_id, previous_until FROM webhook_subscriptions
WHERE tenant_id = $1 AND id = $2;

-- name: UpsertWebhookSubscriptions :exec
INSERT INTO webhook_subscriptions (tenant_id, id, url, topics, filter, status, secret_id, previous_secret_id, previous_until)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(urls)::text[]), unnest(sqlc.arg(topics)::jsonb[]),
    unnest(sqlc.arg(filters)::text[]), unnest(sqlc.arg(statuses)::text[]),
    unnest(sqlc.arg(secret_ids)::uuid[]), unnest(sqlc.arg(previous_secret_ids)::uuid[]),
    unnest(sqlc.arg(previous_untils)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET url = EXCLUDED.url, topics = EXCLUDED.topics, filter = EXCLUDED.filter, status = EXCLUDED.status,
    secret_id = EXCLUDED.secret_id, previous_secret_id = EXCLUDED.previous_secret_id, previous_until = EXCLUDED.previous_until;

-- name: DeleteWebhookSubscriptions :exec
DELETE FROM webhook_subscriptions WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- Secrets. Tables are qualified because the saga uses them in transactions that
-- run with the search path of its generation.

-- name: AddWebhookSecret :exec
INSERT INTO public.webhook_secrets (tenant_id, id, webhook_id, wrapped, created_at, delete_after)
VALUES ($1, $2, $3, $4, $5, sqlc.arg(delete_after)::timestamptz);

-- name: WebhookSecret :one
SELECT wrapped FROM public.webhook_secrets WHERE tenant_id = $1 AND id = $2 AND webhook_id = $3;

-- name: DropWebhookSecret :exec
-- Of a command that was refused; one that an event has named stays.
DELETE FROM public.webhook_secrets WHERE tenant_id = $1 AND id = $2 AND delete_after IS NOT NULL;

-- name: KeepWebhookSecrets :exec
UPDATE public.webhook_secrets SET delete_after = NULL
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: RetireWebhookSecrets :exec
UPDATE public.webhook_secrets AS s SET delete_after = r.delete_after
FROM (SELECT unnest(sqlc.arg(ids)::uuid[]) AS id, unnest(sqlc.arg(delete_afters)::timestamptz[]) AS delete_after) r
WHERE s.tenant_id = $1 AND s.id = r.id;

-- name: DeleteOldWebhookSecrets :execrows
-- Across tenants: they go by age.
DELETE FROM public.webhook_secrets WHERE delete_after < $1;

-- The delivery log.

-- name: AddWebhookDelivery :exec
INSERT INTO webhook_deliveries (tenant_id, webhook_id, id, position, event_type, replay_id, attempt, outcome, status, duration_ms, error, response, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: TrimWebhookDeliveries :exec
DELETE FROM webhook_deliveries d
WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND d.id <= (
    SELECT o.id FROM webhook_deliveries o WHERE o.tenant_id = $1 AND o.webhook_id = $2
    ORDER BY o.id DESC OFFSET sqlc.arg(keep) LIMIT 1);

-- name: WebhookDeliveries :many
SELECT tenant_id, webhook_id, id, position, event_type, replay_id, attempt, outcome, status, duration_ms, error, response, recorded_at FROM webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND id < sqlc.arg(before)
  AND (sqlc.narg(outcome)::text IS NULL OR outcome = sqlc.narg(outcome))
ORDER BY id DESC LIMIT sqlc.arg(max_rows);

-- name: DeleteOldWebhookDeliveries :execrows
-- Across tenants: they go by age.
DELETE FROM webhook_deliveries WHERE recorded_at < $1;

-- Replays.

-- name: AddWebhookReplays :exec
INSERT INTO public.webhook_replays (tenant_id, id, webhook_id, from_position, to_position, done_position, enqueued, requested_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(webhook_ids)::uuid[]),
    unnest(sqlc.arg(from_positions)::bigint[]), unnest(sqlc.arg(to_positions)::bigint[]),
    unnest(sqlc.arg(from_positions)::bigint[]) - 1, 0,
    unnest(sqlc.arg(requested)::timestamptz[]), unnest(sqlc.arg(requested)::timestamptz[])
ON CONFLICT (tenant_id, id) DO NOTHING;

-- name: WebhookReplay :one
SELECT tenant_id, id, webhook_id, from_position, to_position, done_position, enqueued, requested_at, updated_at FROM public.webhook_replays
WHERE tenant_id = $1 AND id = $2;

-- name: MoveWebhookReplay :execrows
UPDATE public.webhook_replays
SET done_position = sqlc.arg(to_done), enqueued = enqueued + sqlc.arg(more), updated_at = sqlc.arg(now)
WHERE tenant_id = $1 AND id = $2 AND done_position = sqlc.arg(from_done);

-- name: WebhookReplays :many
SELECT tenant_id, id, webhook_id, from_position, to_position, done_position, enqueued, requested_at, updated_at FROM public.webhook_replays
WHERE tenant_id = $1 AND webhook_id = $2
ORDER BY requested_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: DeleteOldWebhookReplays :execrows
-- Across tenants: they go by age.
DELETE FROM public.webhook_replays WHERE updated_at < $1;

-- name: DeadWebhookDeliveries :many
-- Given up before a time, in the order in which they are re-driven.
SELECT j.id, j.claim FROM public.jobs j
WHERE j.tenant_id = $1 AND j.state = 'dead' AND j.kind = sqlc.arg(kind)
  AND starts_with(j.job_group, sqlc.arg(group_prefix)) AND j.finished_at <= sqlc.arg(before)
ORDER BY j.seq LIMIT sqlc.arg(max_rows);
