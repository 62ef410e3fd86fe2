-- +goose Up

-- What the OpenID provider must remember besides the log: what people granted to
-- clients, and the secrets that prove it, as hashes. tenant_id is always the
-- system tenant, to which users and clients belong; member_of is the tenant that
-- tokens are for.

-- A grant is one sign-in of a user to a client, and the family of all tokens
-- that come from it: revoked as a whole.
CREATE TABLE oauth_grants (
    tenant_id     uuid             NOT NULL,
    id            uuid             NOT NULL,
    client_id     text COLLATE "C" NOT NULL,
    user_id       uuid             NOT NULL,
    session_id    uuid             NOT NULL,
    scope         text COLLATE "C" NOT NULL,
    nonce         text             NOT NULL,
    auth_time     timestamptz      NOT NULL,
    created_at    timestamptz      NOT NULL,
    expires_at    timestamptz      NOT NULL, -- nothing of it lives longer
    revoked_at    timestamptz,
    revoke_reason text COLLATE "C" NOT NULL,
    CONSTRAINT oauth_grants_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX oauth_grants_session ON oauth_grants (tenant_id, session_id) WHERE revoked_at IS NULL;
CREATE INDEX oauth_grants_user ON oauth_grants (tenant_id, user_id) WHERE revoked_at IS NULL;
CREATE INDEX oauth_grants_age ON oauth_grants (expires_at);
SELECT distribute('oauth_grants', 'tenant');

CREATE TABLE oauth_codes (
    tenant_id    uuid             NOT NULL,
    hash         bytea            NOT NULL,
    grant_id     uuid             NOT NULL,
    client_id    text COLLATE "C" NOT NULL,
    redirect_uri text COLLATE "C" NOT NULL,
    challenge    text COLLATE "C" NOT NULL, -- PKCE, S256
    member_of    uuid             NOT NULL,
    expires_at   timestamptz      NOT NULL,
    used_at      timestamptz,               -- a used one stays, to recognise a replay
    CONSTRAINT oauth_codes_pkey PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX oauth_codes_age ON oauth_codes (expires_at);
SELECT distribute('oauth_codes', 'tenant');

-- Refresh tokens. Each is exchanged once, for its successor. For some seconds
-- the successor is kept sealed with a key that only the replaced token yields,
-- for a client that did not get the answer or asked twice.
CREATE TABLE oauth_refresh_tokens (
    tenant_id        uuid        NOT NULL,
    hash             bytea       NOT NULL,
    grant_id         uuid        NOT NULL,
    member_of        uuid        NOT NULL,
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    replaced_at      timestamptz,
    successor        bytea, -- hash
    successor_sealed bytea,
    CONSTRAINT oauth_refresh_tokens_pkey PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX oauth_refresh_tokens_grant ON oauth_refresh_tokens (tenant_id, grant_id);
CREATE INDEX oauth_refresh_tokens_age ON oauth_refresh_tokens (expires_at);
SELECT distribute('oauth_refresh_tokens', 'tenant');

CREATE TABLE oauth_devices (
    tenant_id      uuid             NOT NULL,
    hash           bytea            NOT NULL, -- of the device code
    user_code_hash bytea            NOT NULL,
    client_id      text COLLATE "C" NOT NULL,
    scope          text COLLATE "C" NOT NULL,
    address        text             NOT NULL,
    status         text COLLATE "C" NOT NULL, -- pending, approved, denied, redeemed
    grant_id       uuid             NOT NULL, -- nil until approved, like member_of
    member_of      uuid             NOT NULL,
    poll_seconds   integer          NOT NULL,
    polled_at      timestamptz,
    created_at     timestamptz      NOT NULL,
    expires_at     timestamptz      NOT NULL,
    CONSTRAINT oauth_devices_pkey PRIMARY KEY (tenant_id, hash),
    CONSTRAINT oauth_devices_user_code UNIQUE (tenant_id, user_code_hash)
);
CREATE INDEX oauth_devices_age ON oauth_devices (expires_at);
SELECT distribute('oauth_devices', 'tenant');

-- What a user allowed a client of somebody else's to do in a tenant.
CREATE TABLE oauth_consents (
    tenant_id  uuid             NOT NULL,
    user_id    uuid             NOT NULL,
    client_id  text COLLATE "C" NOT NULL,
    member_of  uuid             NOT NULL,
    scope      text COLLATE "C" NOT NULL,
    granted_at timestamptz      NOT NULL,
    CONSTRAINT oauth_consents_pkey PRIMARY KEY (tenant_id, user_id, client_id, member_of)
);
SELECT distribute('oauth_consents', 'tenant');

-- Access tokens verify without the database; the few that ended early are here,
-- by their own id or that of their grant, until they would have expired.
CREATE TABLE oauth_revocations (
    tenant_id  uuid             NOT NULL,
    id         text COLLATE "C" NOT NULL,
    revoked_at timestamptz      NOT NULL,
    expires_at timestamptz      NOT NULL,
    CONSTRAINT oauth_revocations_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX oauth_revocations_age ON oauth_revocations (expires_at);
SELECT distribute('oauth_revocations', 'tenant');

-- Assertions with which clients authenticated (private_key_jwt): each counts once.
CREATE TABLE oauth_assertions (
    tenant_id  uuid             NOT NULL,
    client_id  text COLLATE "C" NOT NULL,
    hash       bytea            NOT NULL, -- of the jti
    expires_at timestamptz      NOT NULL,
    CONSTRAINT oauth_assertions_pkey PRIMARY KEY (tenant_id, client_id, hash)
);
CREATE INDEX oauth_assertions_age ON oauth_assertions (expires_at);
SELECT distribute('oauth_assertions', 'tenant');

-- Keys that sign tokens, wrapped with a key of the server's. Generations of an
-- algorithm follow one another; a key is published some time before it signs.
CREATE TABLE signing_keys (
    tenant_id  uuid             NOT NULL,
    algorithm  text COLLATE "C" NOT NULL,
    generation integer          NOT NULL,
    id         text COLLATE "C" NOT NULL, -- the kid
    wrapped    bytea            NOT NULL, -- PKCS #8
    created_at timestamptz      NOT NULL,
    signs_from timestamptz      NOT NULL,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (tenant_id, algorithm, generation)
);
SELECT distribute('signing_keys', 'tenant');
