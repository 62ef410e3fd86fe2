-- The read model of projection users. Both tables stand in the system tenant.

-- name: UserRows :many
SELECT tenant_id, id, email, email_index, name, verified, status, disabled_reason, password_id, totp_id, recovery_set_id, passkeys, version, created_at, updated_at FROM users
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertUsers :exec
INSERT INTO users (tenant_id, id, email, email_index, name, verified, status, disabled_reason, password_id, totp_id, recovery_set_id, passkeys, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(emails)::text[]), unnest(sqlc.arg(email_indexes)::text[]),
    unnest(sqlc.arg(names)::text[]), unnest(sqlc.arg(verified)::boolean[]), unnest(sqlc.arg(statuses)::text[]),
    unnest(sqlc.arg(reasons)::text[]), unnest(sqlc.arg(password_ids)::text[]),
    unnest(sqlc.arg(totp_ids)::text[]), unnest(sqlc.arg(recovery_set_ids)::text[]), unnest(sqlc.arg(passkeys)::jsonb[]), unnest(sqlc.arg(versions)::bigint[]),
    unnest(sqlc.arg(created)::timestamptz[]), unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET email = EXCLUDED.email, email_index = EXCLUDED.email_index, name = EXCLUDED.name, verified = EXCLUDED.verified,
    status = EXCLUDED.status, disabled_reason = EXCLUDED.disabled_reason, password_id = EXCLUDED.password_id,
    totp_id = EXCLUDED.totp_id, recovery_set_id = EXCLUDED.recovery_set_id, passkeys = EXCLUDED.passkeys,
    version = EXCLUDED.version, updated_at = EXCLUDED.updated_at;

-- name: ForgetUsers :exec
UPDATE users SET email = '', email_index = '', name = '', disabled_reason = '',
    passkeys = (SELECT COALESCE(jsonb_agg(k || '{"name": ""}' ORDER BY n), '[]') FROM jsonb_array_elements(passkeys) WITH ORDINALITY AS list (k, n))
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UserByID :one
SELECT tenant_id, id, email, email_index, name, verified, status, disabled_reason, password_id, totp_id, recovery_set_id, passkeys, version, created_at, updated_at FROM users
WHERE tenant_id = $1 AND id = $2;

-- name: UserByEmailIndex :one
-- Several rows have one only while an erasure is not applied yet; the newest
-- then holds the address.
SELECT tenant_id, id, email, email_index, name, verified, status, disabled_reason, password_id, totp_id, recovery_set_id, passkeys, version, created_at, updated_at FROM users
WHERE tenant_id = $1 AND email_index = $2
ORDER BY created_at DESC, id DESC LIMIT 1;

-- name: CountUsers :one
SELECT count(*) FROM users
WHERE tenant_id = $1 AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status));

-- name: OldestUsers :many
SELECT tenant_id, id, email, email_index, name, verified, status, disabled_reason, password_id, totp_id, recovery_set_id, passkeys, version, created_at, updated_at FROM users
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (created_at, id) > (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY created_at, id LIMIT sqlc.arg(max_rows);

-- name: NewestUsers :many
SELECT tenant_id, id, email, email_index, name, verified, status, disabled_reason, password_id, totp_id, recovery_set_id, passkeys, version, created_at, updated_at FROM users
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (created_at, id) < (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: SessionRows :many
SELECT tenant_id, id, user_id, method, confined_to, provider_id, address, user_agent, started_at, live, ended_at, ended_reason FROM sessions
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertSessions :exec
-- What a session is does not change; only its end comes later.
INSERT INTO sessions (tenant_id, id, user_id, method, confined_to, provider_id, address, user_agent, started_at, live, ended_at, ended_reason)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(user_ids)::uuid[]), unnest(sqlc.arg(methods)::text[]),
    unnest(sqlc.arg(confined_to)::uuid[]), unnest(sqlc.arg(provider_ids)::uuid[]),
    unnest(sqlc.arg(addresses)::text[]), unnest(sqlc.arg(user_agents)::text[]),
    unnest(sqlc.arg(started)::timestamptz[]), unnest(sqlc.arg(live)::boolean[]), unnest(sqlc.arg(ended)::timestamptz[]),
    unnest(sqlc.arg(reasons)::text[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET live = EXCLUDED.live, ended_at = EXCLUDED.ended_at, ended_reason = EXCLUDED.ended_reason;

-- name: ForgetSessionDevices :exec
UPDATE sessions SET address = '', user_agent = ''
WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(user_ids)::uuid[]) AND (address <> '' OR user_agent <> '');

-- name: SessionByID :one
SELECT tenant_id, id, user_id, method, confined_to, provider_id, address, user_agent, started_at, live, ended_at, ended_reason FROM sessions
WHERE tenant_id = $1 AND id = $2;

-- name: LiveSessions :many
SELECT tenant_id, id, user_id, method, confined_to, provider_id, address, user_agent, started_at, live, ended_at, ended_reason FROM sessions
WHERE tenant_id = $1 AND user_id = $2 AND live
ORDER BY started_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: LiveSessionsUntil :many
SELECT tenant_id, id, user_id, method, confined_to, provider_id, address, user_agent, started_at, live, ended_at, ended_reason FROM sessions
WHERE tenant_id = $1 AND user_id = $2 AND live AND started_at <= sqlc.arg(until)
ORDER BY started_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: LiveSessionsConfinedTo :many
SELECT tenant_id, id, user_id, method, confined_to, provider_id, address, user_agent, started_at, live, ended_at, ended_reason FROM sessions
WHERE tenant_id = $1 AND user_id = $2 AND live AND started_at <= sqlc.arg(until) AND confined_to = sqlc.arg(confined_to)
ORDER BY started_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: UpsertIdentity :exec
INSERT INTO identities (tenant_id, index, user_id, of_tenant, provider_id, issuer, linked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, index) DO UPDATE
SET user_id = EXCLUDED.user_id, of_tenant = EXCLUDED.of_tenant, provider_id = EXCLUDED.provider_id, issuer = EXCLUDED.issuer,
    linked_at = EXCLUDED.linked_at;

-- name: DeleteIdentity :exec
DELETE FROM identities WHERE tenant_id = $1 AND index = $2;

-- name: IdentityByIndex :one
SELECT tenant_id, index, user_id, of_tenant, provider_id, issuer, linked_at FROM identities
WHERE tenant_id = $1 AND index = $2;

-- name: IdentitiesOfUser :many
SELECT tenant_id, index, user_id, of_tenant, provider_id, issuer, linked_at FROM identities
WHERE tenant_id = $1 AND user_id = $2
ORDER BY linked_at, index LIMIT sqlc.arg(max_rows);
