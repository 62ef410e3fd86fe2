-- The read model of projection tenant_directory.

-- name: TenantDirectoryRows :many
SELECT sqlc.embed(d), sqlc.embed(t) FROM tenant_directory d JOIN tenant_details t ON t.tenant_id = d.tenant_id AND t.id = d.id
WHERE d.tenant_id = $1 AND d.id = ANY(sqlc.arg(ids)::uuid[]);

-- name: UpsertTenantDirectory :exec
WITH details AS (
  INSERT INTO tenant_details (tenant_id, id, quotas, provisioning)
  SELECT $1, unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(quotas)::jsonb[]), unnest(sqlc.arg(provisioning)::jsonb[])
  ON CONFLICT (tenant_id, id) DO UPDATE SET quotas = EXCLUDED.quotas, provisioning = EXCLUDED.provisioning
)
INSERT INTO tenant_directory (tenant_id, id, slug, name, status, settings, version, created_at, updated_at)
SELECT $1,
    unnest(sqlc.arg(ids)::uuid[]), unnest(sqlc.arg(slugs)::text[]),
    unnest(sqlc.arg(names)::text[]), unnest(sqlc.arg(statuses)::text[]),
    unnest(sqlc.arg(settings)::jsonb[]), unnest(sqlc.arg(versions)::bigint[]),
    unnest(sqlc.arg(created)::timestamptz[]), unnest(sqlc.arg(updated)::timestamptz[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET slug = EXCLUDED.slug, name = EXCLUDED.name, status = EXCLUDED.status, settings = EXCLUDED.settings,
    version = EXCLUDED.version, updated_at = EXCLUDED.updated_at;

-- name: TenantByID :one
SELECT tenant_id, id, slug, name, status, settings, version, created_at, updated_at FROM tenant_directory
WHERE tenant_id = $1 AND id = $2;

-- name: TenantDetails :one
SELECT tenant_id, id, quotas, provisioning FROM tenant_details WHERE tenant_id = $1 AND id = $2;

-- name: TenantBySlug :one
SELECT tenant_id, id, slug, name, status, settings, version, created_at, updated_at FROM tenant_directory
WHERE tenant_id = $1 AND slug = $2;

-- name: CountTenants :one
SELECT count(*) FROM tenant_directory
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(slug)::text IS NULL OR slug = sqlc.narg(slug))
  AND (sqlc.narg(name_pattern)::text IS NULL OR name ILIKE sqlc.narg(name_pattern));

-- The lists go on after a row: the comparison of rows is what an index can seek.
-- The first page passes values outside of what rows hold.

-- name: TenantsByCreatedAt :many
SELECT tenant_id, id, slug, name, status, settings, version, created_at, updated_at FROM tenant_directory
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(slug)::text IS NULL OR slug = sqlc.narg(slug))
  AND (sqlc.narg(name_pattern)::text IS NULL OR name ILIKE sqlc.narg(name_pattern))
  AND (created_at, id) > (sqlc.arg(after_value)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY created_at, id LIMIT sqlc.arg(max_rows);

-- name: TenantsByCreatedAtDesc :many
SELECT tenant_id, id, slug, name, status, settings, version, created_at, updated_at FROM tenant_directory
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(slug)::text IS NULL OR slug = sqlc.narg(slug))
  AND (sqlc.narg(name_pattern)::text IS NULL OR name ILIKE sqlc.narg(name_pattern))
  AND (created_at, id) < (sqlc.arg(after_value)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: TenantsBySlug :many
SELECT tenant_id, id, slug, name, status, settings, version, created_at, updated_at FROM tenant_directory
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(slug)::text IS NULL OR slug = sqlc.narg(slug))
  AND (sqlc.narg(name_pattern)::text IS NULL OR name ILIKE sqlc.narg(name_pattern))
  AND (slug, id) > (sqlc.arg(after_value)::text, sqlc.arg(after_id)::uuid)
ORDER BY slug, id LIMIT sqlc.arg(max_rows);

-- name: TenantsBySlugDesc :many
SELECT tenant_id, id, slug, name, status, settings, version, created_at, updated_at FROM tenant_directory
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(slug)::text IS NULL OR slug = sqlc.narg(slug))
  AND (sqlc.narg(name_pattern)::text IS NULL OR name ILIKE sqlc.narg(name_pattern))
  AND (slug, id) < (sqlc.arg(after_value)::text, sqlc.arg(after_id)::uuid)
ORDER BY slug DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: TenantsByName :many
SELECT tenant_id, id, slug, name, status, settings, version, created_at, updated_at FROM tenant_directory
WHERE tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(slug)::text IS NULL OR slug = sqlc.narg(slug))
  AND (sqlc.narg(name_pattern)::text IS NULL OR name ILIKE sqlc.narg(name_pattern))
  AND (name, id) > (sqlc.arg(after_value)::text, sqlc.arg(after_id)::uuid)
ORDER BY name, id LIMIT sqlc.arg(max_rows);

-- name: TenantsByNameDesc :many
-- Names are ordered by the database's collation, in which no value is known to
-- be the last; the first page starts at the greatest name there is.
SELECT d.tenant_id, d.id, d.slug, d.name, d.status, d.settings, d.version, d.created_at, d.updated_at FROM tenant_directory d
WHERE d.tenant_id = $1
  AND (sqlc.narg(status)::text IS NULL OR d.status = sqlc.narg(status))
  AND (sqlc.narg(slug)::text IS NULL OR d.slug = sqlc.narg(slug))
  AND (sqlc.narg(name_pattern)::text IS NULL OR d.name ILIKE sqlc.narg(name_pattern))
  AND (d.name, d.id) < (COALESCE(sqlc.narg(after_value)::text, (SELECT max(t.name) FROM tenant_directory t WHERE t.tenant_id = $1)), sqlc.arg(after_id)::uuid)
ORDER BY d.name DESC, d.id DESC LIMIT sqlc.arg(max_rows);
