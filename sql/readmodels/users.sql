-- Read model of projection users: one row per user and one per sign-in, from
-- the system tenant's log (tenant_id is that log's owner). Rows of an erased
-- user hold nothing personal: e-mail, its index, name, address and browser are
-- empty.
CREATE TABLE users (
    tenant_id       uuid             NOT NULL,
    id              uuid             NOT NULL,
    email           text             NOT NULL,
    email_index     text COLLATE "C" NOT NULL, -- keyed hash of the normalised e-mail
    name            text             NOT NULL,
    verified        boolean          NOT NULL,
    status          text COLLATE "C" NOT NULL, -- active, disabled, erased
    disabled_reason text             NOT NULL,
    password_id     text COLLATE "C" NOT NULL, -- empty: none
    totp_id         text COLLATE "C" NOT NULL, -- empty: no codes are asked for
    recovery_set_id text COLLATE "C" NOT NULL,
    passkeys        jsonb            NOT NULL, -- [{"id", "name", "added_at"}]
    version         bigint           NOT NULL,
    created_at      timestamptz      NOT NULL,
    updated_at      timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON users (tenant_id, email_index);
CREATE INDEX ON users (tenant_id, created_at, id);

CREATE TABLE sessions (
    tenant_id    uuid             NOT NULL,
    id           uuid             NOT NULL,
    user_id      uuid             NOT NULL,
    method       text COLLATE "C" NOT NULL,
    confined_to  uuid             NOT NULL, -- the only tenant that it is good for; nil: all of the user's
    provider_id  uuid             NOT NULL, -- of that tenant, which vouched for the user; nil: none
    address      text             NOT NULL,
    user_agent   text             NOT NULL,
    started_at   timestamptz      NOT NULL,
    live         boolean          NOT NULL,
    ended_at     timestamptz      NOT NULL, -- year 1 while it is live
    ended_reason text             NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON sessions (tenant_id, user_id, started_at, id) WHERE live;
-- For an erasure, which reaches the ended ones too.
CREATE INDEX ON sessions (tenant_id, user_id);

-- Who users are at tenants' identity providers. What these call them is known by
-- its keyed hash alone.
CREATE TABLE identities (
    tenant_id   uuid             NOT NULL,
    index       text COLLATE "C" NOT NULL, -- keyed hash of tenant, issuer and subject
    user_id     uuid             NOT NULL,
    of_tenant   uuid             NOT NULL,
    provider_id uuid             NOT NULL,
    issuer      text             NOT NULL,
    linked_at   timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, index)
);
CREATE INDEX ON identities (tenant_id, user_id);
