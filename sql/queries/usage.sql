-- What tenants have of what quotas bound, from several read models.

-- name: UsageOfMembers :one
SELECT count(*) FROM members WHERE tenant_id = $1;

-- name: UsageOfInvites :one
SELECT count(*) FROM invites WHERE tenant_id = $1 AND status = 'open' AND expires_at > sqlc.arg(now)::timestamptz;

-- name: UsageOfAPIKeys :one
-- Expired ones make room; one whose time is year 1 never expires.
SELECT count(*) FROM api_keys WHERE tenant_id = $1 AND status = 'active'
  AND (expires_at < '0002-01-01' OR expires_at > sqlc.arg(now)::timestamptz);

-- name: UsageOfServiceAccounts :one
SELECT count(*) FROM service_accounts WHERE tenant_id = $1;

-- name: UsageOfWebhooks :one
SELECT count(*) FROM webhooks WHERE tenant_id = $1;
