-- Passwords.

-- name: AddPassword :exec
INSERT INTO passwords (tenant_id, user_id, id, wrapped, created_at, delete_after)
VALUES ($1, $2, $3, $4, $5, sqlc.arg(delete_after)::timestamptz);

-- name: Password :one
SELECT wrapped FROM passwords WHERE tenant_id = $1 AND user_id = $2 AND id = $3;

-- name: DropPassword :exec
-- Of a command that was refused; one that an event has named stays.
DELETE FROM passwords WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND named_by IS NULL;

-- name: OldPasswords :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, id FROM passwords WHERE delete_after < sqlc.arg(before)::timestamptz
ORDER BY delete_after LIMIT sqlc.arg(max_rows);

-- name: DeleteOldPasswords :execrows
DELETE FROM passwords
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND delete_after < sqlc.arg(before)::timestamptz;

-- One-time tokens.

-- name: AddOneTimeToken :exec
INSERT INTO one_time_tokens (tenant_id, hash, purpose, subject, id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: OneTimeToken :one
SELECT subject, id, expires_at, used_at FROM one_time_tokens
WHERE tenant_id = $1 AND hash = $2 AND purpose = $3;

-- name: UseOneTimeToken :one
-- Of several at once the row lock lets one through; the others see it used.
UPDATE one_time_tokens SET used_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = $1 AND hash = $2 AND purpose = $3 AND used_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz
RETURNING subject, id, expires_at;

-- name: RevokeOneTimeTokens :exec
DELETE FROM one_time_tokens WHERE tenant_id = $1 AND subject = $2 AND purpose = $3 AND used_at IS NULL;

-- name: OldOneTimeTokens :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, hash FROM one_time_tokens WHERE expires_at < sqlc.arg(before)::timestamptz
ORDER BY expires_at LIMIT sqlc.arg(max_rows);

-- name: DeleteOldOneTimeTokens :execrows
DELETE FROM one_time_tokens
WHERE tenant_id = $1 AND hash = ANY(sqlc.arg(hashes)::bytea[]) AND expires_at < sqlc.arg(before)::timestamptz;

-- Browser sessions.

-- name: AddBrowserSession :exec
INSERT INTO browser_sessions (tenant_id, hash, id, user_id, idle_ms, created_at, seen_at, expires_at, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8);

-- name: BrowserSession :one
SELECT id, user_id, idle_ms, created_at, seen_at, expires_at, ends_at FROM browser_sessions
WHERE tenant_id = $1 AND hash = $2 AND expires_at > sqlc.arg(now)::timestamptz;

-- name: ExtendBrowserSession :exec
UPDATE browser_sessions SET seen_at = sqlc.arg(now)::timestamptz, expires_at = sqlc.arg(expires_at)::timestamptz
WHERE tenant_id = $1 AND hash = $2 AND seen_at < sqlc.arg(now)::timestamptz AND expires_at > sqlc.arg(now)::timestamptz;

-- name: OldBrowserSessions :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, id FROM browser_sessions WHERE expires_at < sqlc.arg(before)::timestamptz
ORDER BY expires_at LIMIT sqlc.arg(max_rows);

-- name: DeleteOldBrowserSessions :execrows
DELETE FROM browser_sessions
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND expires_at < sqlc.arg(before)::timestamptz;

-- API keys.

-- name: AddAPIKeyHash :exec
INSERT INTO api_key_hashes (tenant_id, id, hash, created_at, delete_after)
VALUES ($1, $2, $3, $4, sqlc.arg(delete_after)::timestamptz);

-- name: APIKeyHash :one
SELECT hash FROM api_key_hashes
WHERE tenant_id = $1 AND id = $2 AND (delete_after IS NULL OR delete_after > sqlc.arg(now)::timestamptz);

-- name: DeleteAPIKeyHash :exec
DELETE FROM api_key_hashes WHERE tenant_id = $1 AND id = $2;

-- name: TouchAPIKeyHashes :exec
-- Several processes tell about the same key, in any order.
UPDATE api_key_hashes AS k SET last_used_at = GREATEST(k.last_used_at, u.last_used_at)
FROM (SELECT unnest(sqlc.arg(ids)::uuid[]) AS id, unnest(sqlc.arg(last_used)::timestamptz[]) AS last_used_at) u
WHERE k.tenant_id = $1 AND k.id = u.id;

-- name: APIKeysLastUsed :many
SELECT id, last_used_at::timestamptz AS last_used_at FROM api_key_hashes
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND last_used_at IS NOT NULL;

-- name: OldAPIKeyHashes :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, id FROM api_key_hashes WHERE delete_after < sqlc.arg(before)::timestamptz
ORDER BY delete_after LIMIT sqlc.arg(max_rows);

-- name: DeleteOldAPIKeyHashes :execrows
DELETE FROM api_key_hashes
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND delete_after < sqlc.arg(before)::timestamptz;

-- Secrets of OAuth clients and service accounts.

-- name: AddClientSecret :exec
INSERT INTO client_secrets (tenant_id, owner_id, id, hash, kept, created_at, delete_after)
VALUES ($1, $2, $3, $4, false, $5, sqlc.arg(delete_after)::timestamptz);

-- name: ClientSecrets :many
-- The newest ones that verify.
SELECT hash FROM client_secrets
WHERE tenant_id = $1 AND owner_id = $2 AND kept AND (delete_after IS NULL OR delete_after > sqlc.arg(now)::timestamptz)
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: KeepClientSecret :execrows
-- A retired one stays so.
UPDATE client_secrets SET kept = true, named_by = sqlc.arg(position)::bigint, delete_after = CASE WHEN kept THEN delete_after END
WHERE tenant_id = $1 AND owner_id = $2 AND id = $3;

-- name: DropClientSecret :exec
-- Of a command that was refused; one that an event has named stays.
DELETE FROM client_secrets WHERE tenant_id = $1 AND owner_id = $2 AND id = $3 AND NOT kept;

-- name: OldClientSecrets :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, id FROM client_secrets WHERE delete_after < sqlc.arg(before)::timestamptz
ORDER BY delete_after LIMIT sqlc.arg(max_rows);

-- name: DeleteOldClientSecrets :execrows
DELETE FROM client_secrets
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND delete_after < sqlc.arg(before)::timestamptz;
