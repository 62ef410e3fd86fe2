-- +goose Up

-- What replaces one another (passwords, secrets of authenticator apps, recovery
-- codes, secrets of programs) has the position of the event that named it, in the
-- log of its tenant. An event so ends only what stands before it in the log, in
-- whatever order rows were written. NULL: the event was not looked at yet, or there
-- is none.
ALTER TABLE passwords ADD COLUMN named_by bigint;
ALTER TABLE totp_secrets ADD COLUMN named_by bigint;
ALTER TABLE recovery_codes ADD COLUMN named_by bigint;
ALTER TABLE client_secrets ADD COLUMN named_by bigint;

-- What was kept before is older than every event to come.
UPDATE passwords SET named_by = 0 WHERE delete_after IS NULL;
UPDATE totp_secrets SET named_by = 0 WHERE delete_after IS NULL;
UPDATE recovery_codes SET named_by = 0 WHERE delete_after IS NULL;
UPDATE client_secrets SET named_by = 0 WHERE kept;

-- oauth_revocations holds the ids of clients and service accounts too: access
-- tokens that they got until revoked_at have ended.

-- A client is disabled, with all that people granted to it.
CREATE INDEX oauth_grants_client ON oauth_grants (tenant_id, client_id) WHERE revoked_at IS NULL;
