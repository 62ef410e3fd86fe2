-- +goose Up

-- What people sign in with besides the password. As with passwords, each is
-- stored before the event that names it, with a date in delete_after that goes
-- once the event is there.

-- Secrets of authenticator apps, wrapped with a key of the server's. last_step is
-- the newest time step of which a code was accepted; none counts twice.
CREATE TABLE totp_secrets (
    tenant_id    uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    id           uuid        NOT NULL,
    wrapped      bytea       NOT NULL,
    last_step    bigint      NOT NULL,
    created_at   timestamptz NOT NULL,
    delete_after timestamptz,
    CONSTRAINT totp_secrets_pkey PRIMARY KEY (tenant_id, user_id, id)
);
CREATE INDEX totp_secrets_age ON totp_secrets (delete_after) WHERE delete_after IS NOT NULL;
SELECT distribute('totp_secrets', 'tenant');

-- Hashes of recovery codes, set by set. A used one stays as long as its set.
CREATE TABLE recovery_codes (
    tenant_id    uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    set_id       uuid        NOT NULL,
    hash         bytea       NOT NULL,
    used_at      timestamptz,
    created_at   timestamptz NOT NULL,
    delete_after timestamptz,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (tenant_id, user_id, set_id, hash)
);
CREATE INDEX recovery_codes_age ON recovery_codes (delete_after) WHERE delete_after IS NOT NULL;
SELECT distribute('recovery_codes', 'tenant');

-- Passkeys: the record (public key, what the authenticator said of itself) is
-- wrapped, so that nobody who writes into the table signs in. sign_count is what
-- the authenticator last counted; one that counts backwards has been copied, which
-- cloned_at says.
CREATE TABLE passkey_credentials (
    tenant_id     uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    id            uuid        NOT NULL,
    credential_id bytea       NOT NULL,
    wrapped       bytea       NOT NULL,
    sign_count    bigint      NOT NULL,
    cloned_at     timestamptz,
    last_used_at  timestamptz,
    created_at    timestamptz NOT NULL,
    delete_after  timestamptz,
    CONSTRAINT passkey_credentials_pkey PRIMARY KEY (tenant_id, user_id, id)
);
CREATE UNIQUE INDEX passkey_credentials_credential ON passkey_credentials (tenant_id, credential_id);
CREATE INDEX passkey_credentials_age ON passkey_credentials (delete_after) WHERE delete_after IS NOT NULL;
SELECT distribute('passkey_credentials', 'tenant');

-- Challenges that a passkey has answered. They need not be known before, because
-- they are sealed, but each counts once.
CREATE TABLE spent_challenges (
    tenant_id    uuid        NOT NULL,
    hash         bytea       NOT NULL,
    delete_after timestamptz NOT NULL,
    CONSTRAINT spent_challenges_pkey PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX spent_challenges_age ON spent_challenges (delete_after);
SELECT distribute('spent_challenges', 'tenant');
