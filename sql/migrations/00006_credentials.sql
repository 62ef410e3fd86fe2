-- +goose Up

-- What proves who somebody is. The log names these by id. Users and their
-- sessions belong to the system tenant.

-- Passwords: an argon2id hash, wrapped with a key of the server's. Like the
-- secrets of webhooks a password is stored before the event that names it, with a
-- date in delete_after that goes once the event is there.
CREATE TABLE passwords (
    tenant_id    uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    id           uuid        NOT NULL,
    wrapped      bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    delete_after timestamptz,
    CONSTRAINT passwords_pkey PRIMARY KEY (tenant_id, user_id, id)
);
CREATE INDEX passwords_age ON passwords (delete_after) WHERE delete_after IS NOT NULL;
SELECT distribute('passwords', 'tenant');

-- Tokens that work once, found by their hash. A used or expired one stays for
-- some days so that its reader learns what became of it.
CREATE TABLE one_time_tokens (
    tenant_id    uuid             NOT NULL,
    hash         bytea            NOT NULL,
    purpose      text COLLATE "C" NOT NULL,
    subject      uuid             NOT NULL,
    id           uuid             NOT NULL,
    created_at   timestamptz      NOT NULL,
    expires_at   timestamptz      NOT NULL,
    used_at      timestamptz,
    CONSTRAINT one_time_tokens_pkey PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX one_time_tokens_subject ON one_time_tokens (tenant_id, subject, purpose);
CREATE INDEX one_time_tokens_age ON one_time_tokens (expires_at);
SELECT distribute('one_time_tokens', 'tenant');

-- Browsers that are signed in, found by the hash of their cookie. One ends at
-- expires_at, which moves on with use but never past ends_at.
CREATE TABLE browser_sessions (
    tenant_id  uuid        NOT NULL,
    hash       bytea       NOT NULL,
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    idle_ms    bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    CONSTRAINT browser_sessions_pkey PRIMARY KEY (tenant_id, hash)
);
CREATE UNIQUE INDEX browser_sessions_id ON browser_sessions (tenant_id, id);
CREATE INDEX browser_sessions_user ON browser_sessions (tenant_id, user_id);
CREATE INDEX browser_sessions_age ON browser_sessions (expires_at);
SELECT distribute('browser_sessions', 'tenant');

-- Hashes of API keys; delete_after as above.
CREATE TABLE api_key_hashes (
    tenant_id    uuid        NOT NULL,
    id           uuid        NOT NULL,
    hash         bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    delete_after timestamptz,
    CONSTRAINT api_key_hashes_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX api_key_hashes_age ON api_key_hashes (delete_after) WHERE delete_after IS NOT NULL;
SELECT distribute('api_key_hashes', 'tenant');

-- Hashes of the secrets of OAuth clients and service accounts. One verifies when
-- its event is there (kept) and, once it is retired, until delete_after.
CREATE TABLE client_secrets (
    tenant_id    uuid        NOT NULL,
    owner_id     uuid        NOT NULL,
    id           uuid        NOT NULL,
    hash         bytea       NOT NULL,
    kept         boolean     NOT NULL,
    created_at   timestamptz NOT NULL,
    delete_after timestamptz,
    CONSTRAINT client_secrets_pkey PRIMARY KEY (tenant_id, owner_id, id)
);
CREATE INDEX client_secrets_age ON client_secrets (delete_after) WHERE delete_after IS NOT NULL;
SELECT distribute('client_secrets', 'tenant');
