-- Client secrets of identity providers.

-- name: AddProviderSecret :exec
INSERT INTO provider_secrets (tenant_id, provider_id, id, wrapped, created_at, delete_after)
VALUES ($1, $2, $3, $4, $5, sqlc.arg(delete_after)::timestamptz);

-- name: ProviderSecret :one
SELECT wrapped FROM provider_secrets WHERE tenant_id = $1 AND provider_id = $2 AND id = $3;

-- name: DropProviderSecret :exec
-- Of a command that was refused; one that an event has named stays.
DELETE FROM provider_secrets WHERE tenant_id = $1 AND provider_id = $2 AND id = $3 AND delete_after IS NOT NULL;

-- name: OldProviderSecrets :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, id FROM provider_secrets WHERE delete_after < sqlc.arg(before)::timestamptz
ORDER BY delete_after LIMIT sqlc.arg(max_rows);

-- name: DeleteOldProviderSecrets :execrows
DELETE FROM provider_secrets
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND delete_after < sqlc.arg(before)::timestamptz;
