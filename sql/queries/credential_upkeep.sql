-- What the saga credential_upkeep does to secrets beside the log, a batch of
-- events of one tenant at a time. Each statement can be repeated. Tables are qualified
-- because the transactions of a projection run with the search path of its generation.

-- name: NamePasswords :exec
UPDATE public.passwords AS p SET named_by = n.position, delete_after = NULL
FROM (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(ids)::uuid[]) AS id, unnest(sqlc.arg(positions)::bigint[]) AS position) n
WHERE p.tenant_id = $1 AND p.user_id = n.owner AND p.id = n.id;

-- name: RetirePasswordsBefore :exec
-- Those that events before a position named.
UPDATE public.passwords AS p SET delete_after = sqlc.arg(delete_after)::timestamptz
FROM (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(positions)::bigint[]) AS position) n
WHERE p.tenant_id = $1 AND p.user_id = n.owner AND p.named_by < n.position AND p.delete_after IS NULL;

-- name: NameTOTPSecrets :exec
UPDATE public.totp_secrets AS s SET named_by = n.position, delete_after = NULL
FROM (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(ids)::uuid[]) AS id, unnest(sqlc.arg(positions)::bigint[]) AS position) n
WHERE s.tenant_id = $1 AND s.user_id = n.owner AND s.id = n.id;

-- name: DeleteTOTPSecretsBefore :exec
DELETE FROM public.totp_secrets AS s
USING (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(positions)::bigint[]) AS position) n
WHERE s.tenant_id = $1 AND s.user_id = n.owner AND s.named_by < n.position;

-- name: NameRecoveryCodes :exec
UPDATE public.recovery_codes AS c SET named_by = n.position, delete_after = NULL
FROM (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(ids)::uuid[]) AS id, unnest(sqlc.arg(positions)::bigint[]) AS position) n
WHERE c.tenant_id = $1 AND c.user_id = n.owner AND c.set_id = n.id;

-- name: DeleteRecoveryCodesBefore :exec
DELETE FROM public.recovery_codes AS c
USING (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(positions)::bigint[]) AS position) n
WHERE c.tenant_id = $1 AND c.user_id = n.owner AND c.named_by < n.position;

-- name: KeepPasskeyCredentials :exec
UPDATE public.passkey_credentials AS k SET delete_after = NULL
FROM (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(ids)::uuid[]) AS id) n
WHERE k.tenant_id = $1 AND k.user_id = n.owner AND k.id = n.id;

-- name: DeletePasskeyCredentials :exec
DELETE FROM public.passkey_credentials AS k
USING (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(ids)::uuid[]) AS id) n
WHERE k.tenant_id = $1 AND k.user_id = n.owner AND k.id = n.id;

-- name: KeepAPIKeyHashes :exec
UPDATE public.api_key_hashes SET delete_after = NULL WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: DeleteAPIKeyHashes :exec
DELETE FROM public.api_key_hashes WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: NameClientSecrets :exec
-- A retired one stays so.
UPDATE public.client_secrets AS s SET named_by = n.position, kept = true, delete_after = CASE WHEN s.kept THEN s.delete_after END
FROM (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(ids)::uuid[]) AS id, unnest(sqlc.arg(positions)::bigint[]) AS position) n
WHERE s.tenant_id = $1 AND s.owner_id = n.owner AND s.id = n.id;

-- name: RetireClientSecretsBefore :exec
-- Those that events before a position named end at a time, or end earlier already.
-- No other row is touched: who keeps a newer one at the same moment would deadlock.
UPDATE public.client_secrets AS s SET delete_after = LEAST(s.delete_after, (
    SELECT min(n.until) FROM (
        SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(positions)::bigint[]) AS position, unnest(sqlc.arg(untils)::timestamptz[]) AS until) n
    WHERE n.owner = s.owner_id AND s.named_by < n.position))
WHERE s.tenant_id = $1 AND s.owner_id = ANY(sqlc.arg(owners)::uuid[]) AND EXISTS (
    SELECT 1 FROM (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(positions)::bigint[]) AS position) n
    WHERE n.owner = s.owner_id AND s.named_by < n.position);

-- name: DeleteClientSecretsOfOwners :exec
DELETE FROM public.client_secrets WHERE tenant_id = $1 AND owner_id = ANY(sqlc.arg(owners)::uuid[]);

-- name: CloseBrowserSessions :exec
DELETE FROM public.browser_sessions WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]);

-- name: CloseBrowserSessionsBefore :exec
DELETE FROM public.browser_sessions AS b
USING (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(times)::timestamptz[]) AS at) n
WHERE b.tenant_id = $1 AND b.user_id = n.owner AND b.created_at <= n.at;

-- name: RevokeOneTimeTokensBefore :exec
DELETE FROM public.one_time_tokens AS t
USING (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(times)::timestamptz[]) AS at) n
WHERE t.tenant_id = $1 AND t.subject = n.owner AND t.purpose = sqlc.arg(purpose) AND t.used_at IS NULL AND t.created_at <= n.at;

-- name: RevokeOAuthGrantsOfSessions :many
UPDATE public.oauth_grants SET revoked_at = sqlc.arg(now)::timestamptz, revoke_reason = sqlc.arg(reason)
WHERE tenant_id = $1 AND session_id = ANY(sqlc.arg(ids)::uuid[]) AND revoked_at IS NULL RETURNING id;

-- name: RevokeOAuthGrantsOfUsersBefore :many
UPDATE public.oauth_grants AS g SET revoked_at = sqlc.arg(now)::timestamptz, revoke_reason = sqlc.arg(reason)
FROM (SELECT unnest(sqlc.arg(owners)::uuid[]) AS owner, unnest(sqlc.arg(times)::timestamptz[]) AS at) n
WHERE g.tenant_id = $1 AND g.user_id = n.owner AND g.created_at <= n.at AND g.revoked_at IS NULL RETURNING g.id;

-- name: RevokeOAuthGrantsOfClientsBefore :many
UPDATE public.oauth_grants AS g SET revoked_at = sqlc.arg(now)::timestamptz, revoke_reason = sqlc.arg(reason)
FROM (SELECT unnest(sqlc.arg(clients)::text[]) AS client, unnest(sqlc.arg(times)::timestamptz[]) AS at) n
WHERE g.tenant_id = $1 AND g.client_id = n.client AND g.created_at <= n.at AND g.revoked_at IS NULL RETURNING g.id;

-- name: AddOAuthRevocations :exec
INSERT INTO public.oauth_revocations (tenant_id, id, revoked_at, expires_at)
SELECT $1, unnest(sqlc.arg(ids)::uuid[])::text, sqlc.arg(now), sqlc.arg(expires_at)
ON CONFLICT (tenant_id, id) DO UPDATE SET expires_at = greatest(oauth_revocations.expires_at, EXCLUDED.expires_at);

-- name: EndOAuthTokensOf :exec
-- Access tokens that clients and service accounts got until a time.
INSERT INTO public.oauth_revocations (tenant_id, id, revoked_at, expires_at)
SELECT $1, n.holder, max(n.at), sqlc.arg(expires_at)
FROM (SELECT unnest(sqlc.arg(holders)::text[]) AS holder, unnest(sqlc.arg(times)::timestamptz[]) AS at) n
GROUP BY n.holder
ON CONFLICT (tenant_id, id) DO UPDATE
SET revoked_at = greatest(oauth_revocations.revoked_at, EXCLUDED.revoked_at), expires_at = greatest(oauth_revocations.expires_at, EXCLUDED.expires_at);

-- name: NameProviderSecrets :exec
-- The last ones of their providers.
UPDATE public.provider_secrets SET delete_after = NULL WHERE tenant_id = $1 AND id = ANY(sqlc.arg(last)::uuid[]);

-- name: RetireProviderSecrets :exec
-- What was named before the last ones. What no event has named yet is left alone.
UPDATE public.provider_secrets SET delete_after = LEAST(delete_after, sqlc.arg(delete_after)::timestamptz)
WHERE tenant_id = $1 AND provider_id = ANY(sqlc.arg(providers)::uuid[]) AND id <> ALL(sqlc.arg(last)::uuid[])
    AND (delete_after IS NULL OR id = ANY(sqlc.arg(named)::uuid[]));

-- name: DeleteProviderSecretsOfProviders :exec
DELETE FROM public.provider_secrets WHERE tenant_id = $1 AND provider_id = ANY(sqlc.arg(providers)::uuid[]);

-- The rest is about people who are erased, which is final.

-- name: DeletePasswordsOfUsers :exec
DELETE FROM public.passwords WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(users)::uuid[]);

-- name: DeleteTOTPSecretsOfUsers :exec
DELETE FROM public.totp_secrets WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(users)::uuid[]);

-- name: DeleteRecoveryCodesOfUsers :exec
DELETE FROM public.recovery_codes WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(users)::uuid[]);

-- name: DeletePasskeyCredentialsOfUsers :exec
DELETE FROM public.passkey_credentials WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(users)::uuid[]);

-- name: DeleteOneTimeTokensOfSubjects :exec
DELETE FROM public.one_time_tokens WHERE tenant_id = $1 AND subject = ANY(sqlc.arg(subjects)::uuid[]);

-- name: DeleteOAuthConsentsOfUsers :exec
DELETE FROM public.oauth_consents WHERE tenant_id = $1 AND user_id = ANY(sqlc.arg(users)::uuid[]);

-- name: DeleteOAuthConsentsOfClients :exec
DELETE FROM public.oauth_consents WHERE tenant_id = $1 AND client_id = ANY(sqlc.arg(clients)::text[]);
