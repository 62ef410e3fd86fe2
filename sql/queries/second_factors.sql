-- Secrets of authenticator apps.

-- name: AddTOTPSecret :exec
INSERT INTO totp_secrets (tenant_id, user_id, id, wrapped, last_step, created_at, delete_after)
VALUES ($1, $2, $3, $4, $5, $6, sqlc.arg(delete_after)::timestamptz);

-- name: TOTPSecret :one
SELECT wrapped, last_step FROM totp_secrets WHERE tenant_id = $1 AND user_id = $2 AND id = $3;

-- name: UseTOTPStep :execrows
-- Of several at once the row lock lets one through.
UPDATE totp_secrets SET last_step = sqlc.arg(step)
WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND last_step < sqlc.arg(step);

-- name: DropTOTPSecret :exec
-- Of a command that was refused; one that an event has named stays.
DELETE FROM totp_secrets WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND named_by IS NULL;

-- name: OldTOTPSecrets :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, id FROM totp_secrets WHERE delete_after < sqlc.arg(before)::timestamptz
ORDER BY delete_after LIMIT sqlc.arg(max_rows);

-- name: DeleteOldTOTPSecrets :execrows
DELETE FROM totp_secrets
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND delete_after < sqlc.arg(before)::timestamptz;

-- Recovery codes.

-- name: AddRecoveryCodes :exec
INSERT INTO recovery_codes (tenant_id, user_id, set_id, hash, created_at, delete_after)
SELECT $1, $2, $3, unnest(sqlc.arg(hashes)::bytea[]), sqlc.arg(created_at), sqlc.arg(delete_after)::timestamptz;

-- name: UseRecoveryCode :execrows
-- Of several at once the row lock lets one through.
UPDATE recovery_codes SET used_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = $1 AND user_id = $2 AND set_id = $3 AND hash = $4 AND used_at IS NULL;

-- name: CountRecoveryCodes :one
SELECT count(*) FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2 AND set_id = $3 AND used_at IS NULL;

-- name: DropRecoveryCodes :exec
-- Of a command that was refused; those that an event has named stay.
DELETE FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2 AND set_id = $3 AND named_by IS NULL;

-- name: OldRecoveryCodes :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, hash FROM recovery_codes WHERE delete_after < sqlc.arg(before)::timestamptz
ORDER BY delete_after LIMIT sqlc.arg(max_rows);

-- name: DeleteOldRecoveryCodes :execrows
DELETE FROM recovery_codes
WHERE tenant_id = $1 AND hash = ANY(sqlc.arg(hashes)::bytea[]) AND delete_after < sqlc.arg(before)::timestamptz;

-- Passkeys.

-- name: AddPasskeyCredential :execrows
INSERT INTO passkey_credentials (tenant_id, user_id, id, credential_id, wrapped, sign_count, created_at, delete_after)
VALUES ($1, $2, $3, $4, $5, $6, $7, sqlc.arg(delete_after)::timestamptz)
ON CONFLICT (tenant_id, credential_id) DO NOTHING;

-- name: PasskeyCredentials :many
SELECT id, credential_id, wrapped, sign_count, cloned_at, last_used_at FROM passkey_credentials
WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at, id;

-- name: UsePasskeyCredential :execrows
-- Authenticators that do not count say 0 each time. Of several at once with the
-- same count the row lock lets one through.
UPDATE passkey_credentials SET sign_count = sqlc.arg(sign_count), last_used_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND cloned_at IS NULL
  AND (sign_count < sqlc.arg(sign_count) OR (sign_count = 0 AND sqlc.arg(sign_count) = 0));

-- name: MarkPasskeyCloned :exec
UPDATE passkey_credentials SET cloned_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND cloned_at IS NULL;

-- name: DropPasskeyCredential :exec
-- Of a command that was refused; one that an event has named stays.
DELETE FROM passkey_credentials WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND delete_after IS NOT NULL;

-- name: OldPasskeyCredentials :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, id FROM passkey_credentials WHERE delete_after < sqlc.arg(before)::timestamptz
ORDER BY delete_after LIMIT sqlc.arg(max_rows);

-- name: DeleteOldPasskeyCredentials :execrows
DELETE FROM passkey_credentials
WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND delete_after < sqlc.arg(before)::timestamptz;

-- name: SpendChallenge :execrows
INSERT INTO spent_challenges (tenant_id, hash, delete_after) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, hash) DO NOTHING;

-- name: OldSpentChallenges :many
-- Across tenants: they go by age. Rows are deleted tenant by tenant.
SELECT tenant_id, hash FROM spent_challenges WHERE delete_after < sqlc.arg(before)::timestamptz
ORDER BY delete_after LIMIT sqlc.arg(max_rows);

-- name: DeleteOldSpentChallenges :execrows
DELETE FROM spent_challenges
WHERE tenant_id = $1 AND hash = ANY(sqlc.arg(hashes)::bytea[]) AND delete_after < sqlc.arg(before)::timestamptz;
