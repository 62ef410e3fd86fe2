-- The read model of projection access.

-- name: MemberRows :many
SELECT tenant_id, user_id, roles, invite_id, version, added_at, updated_at FROM members
WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(user_ids)::uuid[]);

-- name: UpsertMembers :exec
-- Who was removed and is added again joins anew.
INSERT INTO members (tenant_id, user_id, roles, invite_id, version, added_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(user_ids)::uuid[]), unnest(sqlc.arg(roles)::jsonb[]), unnest(sqlc.arg(invite_ids)::uuid[]),
    unnest(sqlc.arg(versions)::bigint[]), unnest(sqlc.arg(added)::timestamptz[]),
    unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, user_id) DO UPDATE
SET roles = EXCLUDED.roles, invite_id = EXCLUDED.invite_id, version = EXCLUDED.version,
    added_at = EXCLUDED.added_at, updated_at = EXCLUDED.updated_at;

-- name: DeleteMembers :exec
DELETE FROM members WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(user_ids)::uuid[]);

-- name: MappedMemberRows :many
SELECT tenant_id, user_id, provider_id FROM mapped_members
WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(user_ids)::uuid[]);

-- name: UpsertMappedMembers :exec
INSERT INTO mapped_members (tenant_id, user_id, provider_id)
SELECT $1, unnest(sqlc.arg(user_ids)::uuid[]), unnest(sqlc.arg(provider_ids)::uuid[])
ON CONFLICT (tenant_id, user_id) DO UPDATE SET provider_id = EXCLUDED.provider_id;

-- name: DeleteMappedMembers :exec
DELETE FROM mapped_members WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(user_ids)::uuid[]);

-- name: MembersMappedBy :many
SELECT user_id FROM mapped_members
WHERE tenant_id = $1 AND provider_id = $2 AND user_id > sqlc.arg(after)
ORDER BY user_id LIMIT sqlc.arg(max_rows);

-- name: MemberOf :one
SELECT tenant_id, user_id, roles, invite_id, version, added_at, updated_at FROM members
WHERE tenant_id = $1 AND user_id = $2;

-- name: ListMembers :many
-- Oldest first.
SELECT tenant_id, user_id, roles, invite_id, version, added_at, updated_at FROM members
WHERE tenant_id = $1
  AND (added_at, user_id) > (sqlc.arg(after_added_at)::timestamptz, sqlc.arg(after_user_id)::uuid)
ORDER BY added_at, user_id LIMIT sqlc.arg(max_rows);

-- name: CountOwners :one
SELECT count(*) FROM members WHERE tenant_id = $1 AND roles @> '["owner"]';

-- name: UpsertUserTenants :exec
INSERT INTO user_tenants (tenant_id, user_id, member_of, roles)
SELECT $1, unnest(sqlc.arg(user_ids)::uuid[]), sqlc.arg(member_of)::uuid, unnest(sqlc.arg(roles)::jsonb[])
ON CONFLICT (tenant_id, user_id, member_of) DO UPDATE SET roles = EXCLUDED.roles;

-- name: DeleteUserTenants :exec
DELETE FROM user_tenants WHERE tenant_id = $1 AND member_of = sqlc.arg(member_of) AND user_id = ANY(sqlc.arg(user_ids)::uuid[]);

-- name: TenantsOfUser :many
SELECT member_of, roles FROM user_tenants WHERE tenant_id = $1 AND user_id = $2 ORDER BY member_of LIMIT sqlc.arg(max_rows);

-- name: RoleRows :many
SELECT tenant_id, name, title, permissions, version, created_at, updated_at FROM roles
WHERE tenant_id = $1 AND name = ANY(sqlc.arg(names)::text[]);

-- name: UpsertRoles :exec
INSERT INTO roles (tenant_id, name, title, permissions, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(names)::text[]), unnest(sqlc.arg(titles)::text[]), unnest(sqlc.arg(permissions)::jsonb[]),
    unnest(sqlc.arg(versions)::bigint[]), unnest(sqlc.arg(created)::timestamptz[]),
    unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, name) DO UPDATE
SET title = EXCLUDED.title, permissions = EXCLUDED.permissions, version = EXCLUDED.version,
    updated_at = EXCLUDED.updated_at;

-- name: DeleteRoles :exec
DELETE FROM roles WHERE tenant_id = $1 AND name = ANY(sqlc.arg(names)::text[]);

-- name: RoleByName :one
SELECT tenant_id, name, title, permissions, version, created_at, updated_at FROM roles
WHERE tenant_id = $1 AND name = $2;

-- name: ListRoles :many
-- A tenant has few, so there are no pages.
SELECT tenant_id, name, title, permissions, version, created_at, updated_at FROM roles
WHERE tenant_id = $1
ORDER BY name LIMIT sqlc.arg(max_rows);

-- name: InviteRows :many
SELECT tenant_id, id, email, email_index, roles, status, reason, token_id, accepted_by, created_by, expires_at, version, created_at, updated_at FROM invites
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertInvites :exec
INSERT INTO invites (tenant_id, id, email, email_index, roles, status, reason, token_id, accepted_by, created_by, expires_at, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(emails)::text[]), unnest(sqlc.arg(email_indexes)::text[]),
    unnest(sqlc.arg(roles)::jsonb[]), unnest(sqlc.arg(statuses)::text[]), unnest(sqlc.arg(reasons)::text[]),
    unnest(sqlc.arg(token_ids)::text[]), unnest(sqlc.arg(accepted_by)::uuid[]), unnest(sqlc.arg(created_by)::text[]),
    unnest(sqlc.arg(expires)::timestamptz[]), unnest(sqlc.arg(versions)::bigint[]),
    unnest(sqlc.arg(created)::timestamptz[]), unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET email = EXCLUDED.email, email_index = EXCLUDED.email_index, roles = EXCLUDED.roles,
    status = EXCLUDED.status, reason = EXCLUDED.reason, token_id = EXCLUDED.token_id,
    accepted_by = EXCLUDED.accepted_by, expires_at = EXCLUDED.expires_at, version = EXCLUDED.version,
    updated_at = EXCLUDED.updated_at;

-- name: ForgetInvitees :exec
UPDATE invites SET email = '', email_index = '' WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: InviteByID :one
SELECT tenant_id, id, email, email_index, roles, status, reason, token_id, accepted_by, created_by, expires_at, version, created_at, updated_at FROM invites
WHERE tenant_id = $1 AND id = $2;

-- name: ListInvites :many
-- Newest first.
SELECT tenant_id, id, email, email_index, roles, status, reason, token_id, accepted_by, created_by, expires_at, version, created_at, updated_at FROM invites
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(created_by)::text IS NULL OR created_by = sqlc.narg(created_by))
  AND (created_at, id) < (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: OpenInvitesTo :many
-- Across tenants: a person is erased, which is rare; so this reads all of them.
SELECT tenant_id, id FROM invites
WHERE email_index = sqlc.arg(email_index) AND status = 'open' AND created_at <= sqlc.arg(created_until)::timestamptz
ORDER BY tenant_id, id LIMIT sqlc.arg(max_rows);

-- name: APIKeyRows :many
SELECT tenant_id, id, name, permissions, hint, created_by, status, reason, expires_at, version, created_at, updated_at FROM api_keys
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertAPIKeys :exec
INSERT INTO api_keys (tenant_id, id, name, permissions, hint, created_by, status, reason, expires_at, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(names)::text[]), unnest(sqlc.arg(permissions)::jsonb[]),
    unnest(sqlc.arg(hints)::text[]), unnest(sqlc.arg(created_by)::text[]), unnest(sqlc.arg(statuses)::text[]),
    unnest(sqlc.arg(reasons)::text[]), unnest(sqlc.arg(expires)::timestamptz[]),
    unnest(sqlc.arg(versions)::bigint[]), unnest(sqlc.arg(created)::timestamptz[]),
    unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = EXCLUDED.name, permissions = EXCLUDED.permissions, status = EXCLUDED.status,
    reason = EXCLUDED.reason, expires_at = EXCLUDED.expires_at, version = EXCLUDED.version,
    updated_at = EXCLUDED.updated_at;

-- name: APIKeyByID :one
SELECT tenant_id, id, name, permissions, hint, created_by, status, reason, expires_at, version, created_at, updated_at FROM api_keys
WHERE tenant_id = $1 AND id = $2;

-- name: ListAPIKeys :many
-- Newest first.
SELECT tenant_id, id, name, permissions, hint, created_by, status, reason, expires_at, version, created_at, updated_at FROM api_keys
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(created_by)::text IS NULL OR created_by = sqlc.narg(created_by))
  AND (created_at, id) < (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: ServiceAccountRows :many
SELECT tenant_id, id, name, roles, status, disabled_reason, secret_id, previous_secret_id, previous_until, created_by, version, created_at, updated_at FROM service_accounts
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertServiceAccounts :exec
INSERT INTO service_accounts (tenant_id, id, name, roles, status, disabled_reason, secret_id, previous_secret_id, previous_until, created_by, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(names)::text[]), unnest(sqlc.arg(roles)::jsonb[]),
    unnest(sqlc.arg(statuses)::text[]), unnest(sqlc.arg(reasons)::text[]), unnest(sqlc.arg(secret_ids)::text[]),
    unnest(sqlc.arg(previous_secret_ids)::text[]), unnest(sqlc.arg(previous_untils)::timestamptz[]),
    unnest(sqlc.arg(created_by)::text[]),
    unnest(sqlc.arg(versions)::bigint[]), unnest(sqlc.arg(created)::timestamptz[]),
    unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = EXCLUDED.name, roles = EXCLUDED.roles, status = EXCLUDED.status,
    disabled_reason = EXCLUDED.disabled_reason, secret_id = EXCLUDED.secret_id,
    previous_secret_id = EXCLUDED.previous_secret_id, previous_until = EXCLUDED.previous_until,
    version = EXCLUDED.version, updated_at = EXCLUDED.updated_at;

-- name: DeleteServiceAccounts :exec
DELETE FROM service_accounts WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: ServiceAccountByID :one
SELECT tenant_id, id, name, roles, status, disabled_reason, secret_id, previous_secret_id, previous_until, created_by, version, created_at, updated_at FROM service_accounts
WHERE tenant_id = $1 AND id = $2;

-- name: ListServiceAccounts :many
-- A tenant has few, so there are no pages.
SELECT tenant_id, id, name, roles, status, disabled_reason, secret_id, previous_secret_id, previous_until, created_by, version, created_at, updated_at FROM service_accounts
WHERE tenant_id = $1
  AND (sqlc.narg(created_by)::text IS NULL OR created_by = sqlc.narg(created_by))
ORDER BY created_at, id LIMIT sqlc.arg(max_rows);

-- name: TenantOrigins :one
SELECT tenant_id, origins, version FROM tenant_origins WHERE tenant_id = $1;

-- name: UpsertTenantOrigins :exec
INSERT INTO tenant_origins (tenant_id, origins, version) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id) DO UPDATE SET origins = EXCLUDED.origins, version = EXCLUDED.version;

-- name: DeleteOriginTenants :exec
DELETE FROM origin_tenants WHERE tenant_id = $1 AND named_by = sqlc.arg(named_by) AND NOT origin = ANY(sqlc.arg(origins)::text[]);

-- name: AddOriginTenants :exec
INSERT INTO origin_tenants (tenant_id, origin, named_by) SELECT $1, unnest(sqlc.arg(origins)::text[]), sqlc.arg(named_by)::uuid
ON CONFLICT DO NOTHING;

-- name: IsOriginNamed :one
SELECT EXISTS (SELECT 1 FROM origin_tenants WHERE tenant_id = $1 AND origin = $2);
-- name: IdentityProviderRows :many
SELECT tenant_id, id, issuer, profile, secret_id, domains, status, disabled_reason, enabled_at, version, created_at, updated_at FROM identity_providers
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertIdentityProviders :exec
INSERT INTO identity_providers (tenant_id, id, issuer, profile, secret_id, domains, status, disabled_reason, enabled_at, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(issuers)::text[]), unnest(sqlc.arg(profiles)::jsonb[]),
    unnest(sqlc.arg(secret_ids)::text[]), unnest(sqlc.arg(domains)::jsonb[]), unnest(sqlc.arg(statuses)::text[]),
    unnest(sqlc.arg(reasons)::text[]), unnest(sqlc.arg(enabled)::timestamptz[]), unnest(sqlc.arg(versions)::bigint[]),
    unnest(sqlc.arg(created)::timestamptz[]), unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET profile = EXCLUDED.profile, secret_id = EXCLUDED.secret_id, domains = EXCLUDED.domains, status = EXCLUDED.status,
    disabled_reason = EXCLUDED.disabled_reason, enabled_at = EXCLUDED.enabled_at, version = EXCLUDED.version,
    updated_at = EXCLUDED.updated_at;

-- name: DeleteIdentityProviders :exec
DELETE FROM identity_providers WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: IdentityProviderByID :one
SELECT tenant_id, id, issuer, profile, secret_id, domains, status, disabled_reason, enabled_at, version, created_at, updated_at FROM identity_providers
WHERE tenant_id = $1 AND id = $2;

-- name: ListIdentityProviders :many
-- A tenant has few, so there are no pages.
SELECT tenant_id, id, issuer, profile, secret_id, domains, status, disabled_reason, enabled_at, version, created_at, updated_at FROM identity_providers
WHERE tenant_id = $1
ORDER BY created_at, id LIMIT sqlc.arg(max_rows);

-- name: MailDomainRows :many
SELECT tenant_id, domain, held_by, provider_id, version FROM mail_domains
WHERE tenant_id = $1 AND domain = ANY(sqlc.arg(domains)::text[]);

-- name: UpsertMailDomains :exec
INSERT INTO mail_domains (tenant_id, domain, held_by, provider_id, version)
SELECT $1,
    unnest(sqlc.arg(domains)::text[]), unnest(sqlc.arg(held_by)::uuid[]), unnest(sqlc.arg(provider_ids)::uuid[]),
    unnest(sqlc.arg(versions)::bigint[])
ON CONFLICT (tenant_id, domain) DO UPDATE
SET held_by = EXCLUDED.held_by, provider_id = EXCLUDED.provider_id, version = EXCLUDED.version;

-- name: DeleteMailDomains :exec
DELETE FROM mail_domains WHERE tenant_id = $1 AND domain = ANY(sqlc.arg(domains)::text[]);

-- name: MailDomainsOf :many
SELECT tenant_id, domain, held_by, provider_id, version FROM mail_domains
WHERE tenant_id = $1 AND held_by = sqlc.arg(held_by)
ORDER BY domain LIMIT sqlc.arg(max_rows);

-- name: MailDomainByName :one
SELECT tenant_id, domain, held_by, provider_id, version FROM mail_domains
WHERE tenant_id = $1 AND domain = $2;
