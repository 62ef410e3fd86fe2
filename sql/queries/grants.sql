-- What the OpenID provider remembers. tenant_id is the system tenant.

-- name: AddOAuthGrant :exec
INSERT INTO oauth_grants (tenant_id, id, client_id, user_id, session_id, scope, nonce, auth_time, created_at, expires_at, revoke_reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '');

-- name: OAuthGrant :one
SELECT * FROM oauth_grants WHERE tenant_id = $1 AND id = $2;

-- name: RevokeOAuthGrant :execrows
UPDATE oauth_grants SET revoked_at = sqlc.arg(now)::timestamptz, revoke_reason = sqlc.arg(reason)
WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL;

-- name: RevokeOAuthGrantsOfSession :many
UPDATE oauth_grants SET revoked_at = sqlc.arg(now)::timestamptz, revoke_reason = sqlc.arg(reason)
WHERE tenant_id = $1 AND session_id = $2 AND revoked_at IS NULL RETURNING id;

-- name: RevokeOAuthGrantsOfUser :many
UPDATE oauth_grants SET revoked_at = sqlc.arg(now)::timestamptz, revoke_reason = sqlc.arg(reason)
WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL RETURNING id;

-- name: AddOAuthCode :exec
INSERT INTO oauth_codes (tenant_id, hash, grant_id, client_id, redirect_uri, challenge, member_of, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: OAuthCode :one
SELECT * FROM oauth_codes WHERE tenant_id = $1 AND hash = $2;

-- name: UseOAuthCode :execrows
UPDATE oauth_codes SET used_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = $1 AND hash = $2 AND used_at IS NULL;

-- name: AddOAuthRefreshToken :exec
INSERT INTO oauth_refresh_tokens (tenant_id, hash, grant_id, member_of, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: OAuthRefreshToken :one
SELECT * FROM oauth_refresh_tokens WHERE tenant_id = $1 AND hash = $2;

-- name: LockOAuthRefreshToken :one
SELECT * FROM oauth_refresh_tokens WHERE tenant_id = $1 AND hash = $2 FOR UPDATE;

-- name: ReplaceOAuthRefreshToken :exec
UPDATE oauth_refresh_tokens
SET replaced_at = sqlc.arg(now)::timestamptz, successor = sqlc.arg(successor)::bytea, successor_sealed = sqlc.arg(sealed)::bytea
WHERE tenant_id = $1 AND hash = $2;

-- name: ForgetOAuthSuccessor :exec
-- Of the parent of a token that has now been replaced itself.
UPDATE oauth_refresh_tokens SET successor_sealed = NULL
WHERE tenant_id = $1 AND grant_id = $2 AND successor = sqlc.arg(successor)::bytea;

-- name: AddOAuthDevice :exec
INSERT INTO oauth_devices (tenant_id, hash, user_code_hash, client_id, scope, address, status, grant_id, member_of, poll_seconds, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, 'pending', sqlc.arg(none), sqlc.arg(none), $7, $8, $9);

-- name: OAuthDeviceByUserCode :one
SELECT * FROM oauth_devices WHERE tenant_id = $1 AND user_code_hash = $2;

-- name: DecideOAuthDevice :execrows
UPDATE oauth_devices SET address = '', status = sqlc.arg(status), grant_id = sqlc.arg(grant_id), member_of = sqlc.arg(member_of)
WHERE tenant_id = $1 AND hash = $2 AND status = 'pending' AND expires_at > sqlc.arg(now)::timestamptz;

-- name: LockOAuthDevice :one
SELECT * FROM oauth_devices WHERE tenant_id = $1 AND hash = $2 FOR UPDATE;

-- name: PollOAuthDevice :exec
UPDATE oauth_devices SET polled_at = sqlc.arg(now)::timestamptz, poll_seconds = sqlc.arg(poll_seconds)
WHERE tenant_id = $1 AND hash = $2;

-- name: RedeemOAuthDevice :exec
UPDATE oauth_devices SET status = 'redeemed' WHERE tenant_id = $1 AND hash = $2;

-- name: OAuthConsent :one
SELECT scope FROM oauth_consents WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3 AND member_of = $4;

-- name: PutOAuthConsent :exec
INSERT INTO oauth_consents (tenant_id, user_id, client_id, member_of, scope, granted_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, user_id, client_id, member_of) DO UPDATE SET scope = EXCLUDED.scope;

-- name: OAuthConsentsOfUser :many
SELECT client_id, member_of, scope, granted_at, used_at FROM oauth_consents
WHERE tenant_id = $1 AND user_id = $2 ORDER BY granted_at DESC, client_id, member_of LIMIT sqlc.arg(max_rows);

-- name: UseOAuthConsent :one
-- Whoever withdraws it at the same moment comes before this transaction or after it.
UPDATE oauth_consents SET used_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3 AND member_of = $4 RETURNING scope;

-- name: DeleteOAuthConsent :execrows
DELETE FROM oauth_consents WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3 AND member_of = $4;

-- name: RevokeOAuthGrantsOfConsent :many
-- Which tenant a grant is for stands with its tokens. A grant of which there are
-- none any more yields nothing.
UPDATE oauth_grants AS g SET revoked_at = sqlc.arg(now)::timestamptz, revoke_reason = sqlc.arg(reason)
WHERE g.tenant_id = $1 AND g.user_id = $2 AND g.client_id = $3 AND g.revoked_at IS NULL AND (
    EXISTS (SELECT FROM oauth_refresh_tokens r WHERE r.tenant_id = $1 AND r.grant_id = g.id AND r.member_of = sqlc.arg(member_of))
    OR EXISTS (SELECT FROM oauth_codes c WHERE c.tenant_id = $1 AND c.grant_id = g.id AND c.member_of = sqlc.arg(member_of))
    OR EXISTS (SELECT FROM oauth_devices d WHERE d.tenant_id = $1 AND d.grant_id = g.id AND d.member_of = sqlc.arg(member_of)))
RETURNING g.id, g.session_id;

-- name: AddOAuthRevocation :exec
INSERT INTO oauth_revocations (tenant_id, id, revoked_at, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, id) DO UPDATE SET expires_at = greatest(oauth_revocations.expires_at, EXCLUDED.expires_at);

-- name: OAuthRevocations :many
SELECT id, revoked_at FROM oauth_revocations WHERE tenant_id = $1 AND expires_at > sqlc.arg(now)::timestamptz;

-- name: AddOAuthAssertion :execrows
INSERT INTO oauth_assertions (tenant_id, client_id, hash, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, client_id, hash) DO NOTHING;

-- name: AddSigningKey :execrows
INSERT INTO signing_keys (tenant_id, algorithm, generation, id, wrapped, created_at, signs_from)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, algorithm, generation) DO NOTHING;

-- name: SigningKeys :many
SELECT * FROM signing_keys WHERE tenant_id = $1 ORDER BY algorithm, generation;

-- name: DeleteSigningKey :exec
DELETE FROM signing_keys WHERE tenant_id = $1 AND algorithm = $2 AND generation = $3;

-- What is old goes in batches; all of it is the system tenant's.

-- name: DeleteOldOAuthGrants :execrows
DELETE FROM oauth_grants g WHERE g.tenant_id = $1 AND g.id IN (
    SELECT o.id FROM oauth_grants o WHERE o.tenant_id = $1 AND o.expires_at < $2 LIMIT sqlc.arg(max_rows));

-- name: DeleteOldOAuthCodes :execrows
DELETE FROM oauth_codes c WHERE c.tenant_id = $1 AND c.hash IN (
    SELECT o.hash FROM oauth_codes o WHERE o.tenant_id = $1 AND o.expires_at < $2 LIMIT sqlc.arg(max_rows));

-- name: DeleteOldOAuthRefreshTokens :execrows
DELETE FROM oauth_refresh_tokens r WHERE r.tenant_id = $1 AND r.hash IN (
    SELECT o.hash FROM oauth_refresh_tokens o WHERE o.tenant_id = $1 AND o.expires_at < $2 LIMIT sqlc.arg(max_rows));

-- name: DeleteOldOAuthDevices :execrows
DELETE FROM oauth_devices d WHERE d.tenant_id = $1 AND d.hash IN (
    SELECT o.hash FROM oauth_devices o WHERE o.tenant_id = $1 AND o.expires_at < $2 LIMIT sqlc.arg(max_rows));

-- name: DeleteOldOAuthRevocations :execrows
DELETE FROM oauth_revocations r WHERE r.tenant_id = $1 AND r.id IN (
    SELECT o.id FROM oauth_revocations o WHERE o.tenant_id = $1 AND o.expires_at < $2 LIMIT sqlc.arg(max_rows));

-- name: DeleteOldOAuthAssertions :execrows
DELETE FROM oauth_assertions a WHERE a.tenant_id = $1 AND (a.client_id, a.hash) IN (
    SELECT o.client_id, o.hash FROM oauth_assertions o WHERE o.tenant_id = $1 AND o.expires_at < $2 LIMIT sqlc.arg(max_rows));
