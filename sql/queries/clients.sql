-- The read model of projection clients.

-- name: OAuthClientRows :many
SELECT tenant_id, id, name, type, redirect_uris, post_logout_redirect_uris, grants, token_endpoint_auth, jwks, scopes, first_party, status, disabled_reason, secret_id, previous_secret_id, previous_until, version, created_at, updated_at FROM oauth_clients
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertOAuthClients :exec
INSERT INTO oauth_clients (tenant_id, id, name, type, redirect_uris, post_logout_redirect_uris, grants, token_endpoint_auth, jwks, scopes, first_party, status, disabled_reason, secret_id, previous_secret_id, previous_until, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(names)::text[]), unnest(sqlc.arg(types)::text[]),
    unnest(sqlc.arg(redirect_uris)::jsonb[]), unnest(sqlc.arg(post_logout_redirect_uris)::jsonb[]),
    unnest(sqlc.arg(grants)::jsonb[]), unnest(sqlc.arg(token_endpoint_auths)::text[]),
    unnest(sqlc.arg(jwks)::text[]), unnest(sqlc.arg(scopes)::jsonb[]), unnest(sqlc.arg(first_party)::boolean[]),
    unnest(sqlc.arg(statuses)::text[]), unnest(sqlc.arg(reasons)::text[]),
    unnest(sqlc.arg(secret_ids)::text[]), unnest(sqlc.arg(previous_secret_ids)::text[]),
    unnest(sqlc.arg(previous_untils)::timestamptz[]), unnest(sqlc.arg(versions)::bigint[]),
    unnest(sqlc.arg(created)::timestamptz[]), unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = EXCLUDED.name, type = EXCLUDED.type, redirect_uris = EXCLUDED.redirect_uris,
    post_logout_redirect_uris = EXCLUDED.post_logout_redirect_uris, grants = EXCLUDED.grants,
    token_endpoint_auth = EXCLUDED.token_endpoint_auth, jwks = EXCLUDED.jwks, scopes = EXCLUDED.scopes,
    first_party = EXCLUDED.first_party, status = EXCLUDED.status, disabled_reason = EXCLUDED.disabled_reason,
    secret_id = EXCLUDED.secret_id, previous_secret_id = EXCLUDED.previous_secret_id,
    previous_until = EXCLUDED.previous_until, version = EXCLUDED.version, updated_at = EXCLUDED.updated_at;

-- name: DeleteOAuthClients :exec
DELETE FROM oauth_clients WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: OAuthClientByID :one
SELECT tenant_id, id, name, type, redirect_uris, post_logout_redirect_uris, grants, token_endpoint_auth, jwks, scopes, first_party, status, disabled_reason, secret_id, previous_secret_id, previous_until, version, created_at, updated_at FROM oauth_clients
WHERE tenant_id = $1 AND id = $2;

-- name: ListOAuthClients :many
SELECT tenant_id, id, name, type, redirect_uris, post_logout_redirect_uris, grants, token_endpoint_auth, jwks, scopes, first_party, status, disabled_reason, secret_id, previous_secret_id, previous_until, version, created_at, updated_at FROM oauth_clients
WHERE tenant_id = $1 AND (created_at, id) > (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY created_at, id LIMIT sqlc.arg(max_rows);
