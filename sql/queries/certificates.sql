-- What ACME has to keep. tenant_id is the system tenant.

-- name: Certificate :one
SELECT wrapped FROM certificates WHERE tenant_id = $1 AND name = $2;

-- name: PutCertificate :exec
INSERT INTO certificates (tenant_id, name, wrapped, updated_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, name) DO UPDATE SET wrapped = EXCLUDED.wrapped, updated_at = EXCLUDED.updated_at;

-- name: DeleteCertificate :exec
DELETE FROM certificates WHERE tenant_id = $1 AND name = $2;
