-- Read model of projection access: who may do what in a tenant, from its log.

CREATE TABLE members (
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    roles      jsonb       NOT NULL,
    invite_id  uuid        NOT NULL, -- nil: added without one
    version    bigint      NOT NULL,
    added_at   timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX ON members (tenant_id, added_at, user_id);

-- Members with roles from groups at an identity provider.
CREATE TABLE mapped_members (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    provider_id uuid NOT NULL, -- the last one
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX ON mapped_members (tenant_id, provider_id, user_id);

-- The same memberships by user. tenant_id is the system tenant, so that the
-- tenants of a user stand together.
CREATE TABLE user_tenants (
    tenant_id uuid  NOT NULL,
    user_id   uuid  NOT NULL,
    member_of uuid  NOT NULL, -- a tenant
    roles     jsonb NOT NULL,
    PRIMARY KEY (tenant_id, user_id, member_of)
);

-- The origins whose pages may use a tenant.
CREATE TABLE tenant_origins (
    tenant_id uuid   NOT NULL,
    origins   jsonb  NOT NULL,
    version   bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);

-- The same by origin. tenant_id is the system tenant, so that it can be told of an
-- origin whether any tenant names it.
CREATE TABLE origin_tenants (
    tenant_id uuid             NOT NULL,
    origin    text COLLATE "C" NOT NULL,
    named_by  uuid             NOT NULL, -- a tenant
    PRIMARY KEY (tenant_id, origin, named_by)
);
CREATE INDEX ON origin_tenants (tenant_id, named_by);

-- The roles that a tenant made itself.
CREATE TABLE roles (
    tenant_id   uuid             NOT NULL,
    name        text COLLATE "C" NOT NULL,
    title       text             NOT NULL,
    permissions jsonb            NOT NULL,
    version     bigint           NOT NULL,
    created_at  timestamptz      NOT NULL,
    updated_at  timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- An invite knows the e-mail for as long as it can be accepted: afterwards the
-- person is a user, or nobody of ours.
CREATE TABLE invites (
    tenant_id   uuid             NOT NULL,
    id          uuid             NOT NULL,
    email       text             NOT NULL,
    email_index text COLLATE "C" NOT NULL, -- keyed hash of the normalised e-mail
    roles       jsonb            NOT NULL,
    status      text COLLATE "C" NOT NULL, -- open, accepted, revoked
    reason      text             NOT NULL, -- of a revocation
    token_id    text COLLATE "C" NOT NULL,
    accepted_by uuid             NOT NULL, -- nil: nobody
    created_by  text COLLATE "C" NOT NULL, -- an actor
    expires_at  timestamptz      NOT NULL,
    version     bigint           NOT NULL,
    created_at  timestamptz      NOT NULL,
    updated_at  timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON invites (tenant_id, created_at, id);

CREATE TABLE api_keys (
    tenant_id   uuid             NOT NULL,
    id          uuid             NOT NULL,
    name        text             NOT NULL,
    permissions jsonb            NOT NULL,
    hint        text             NOT NULL, -- the end of the key
    created_by  text             NOT NULL, -- an actor
    status      text COLLATE "C" NOT NULL, -- active, revoked
    reason      text             NOT NULL, -- of a revocation
    expires_at  timestamptz      NOT NULL, -- year 1: never
    version     bigint           NOT NULL,
    created_at  timestamptz      NOT NULL,
    updated_at  timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON api_keys (tenant_id, created_at, id);

CREATE TABLE service_accounts (
    tenant_id          uuid             NOT NULL,
    id                 uuid             NOT NULL,
    name               text             NOT NULL,
    roles              jsonb            NOT NULL,
    status             text COLLATE "C" NOT NULL, -- enabled, disabled
    disabled_reason    text             NOT NULL,
    secret_id          text COLLATE "C" NOT NULL, -- empty: none
    previous_secret_id text COLLATE "C" NOT NULL, -- of the secret before, which counts too until
    previous_until     timestamptz      NOT NULL,
    created_by         text COLLATE "C" NOT NULL, -- an actor
    version            bigint           NOT NULL,
    created_at         timestamptz      NOT NULL,
    updated_at         timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Where people of a tenant sign in with accounts that they have elsewhere.
CREATE TABLE identity_providers (
    tenant_id       uuid             NOT NULL,
    id              uuid             NOT NULL,
    issuer          text             NOT NULL,
    profile         jsonb            NOT NULL, -- as in the events
    secret_id       text COLLATE "C" NOT NULL,
    domains         jsonb            NOT NULL, -- [{"name", "token", "verified"}]
    status          text COLLATE "C" NOT NULL, -- enabled, disabled
    disabled_reason text             NOT NULL,
    enabled_at      timestamptz      NOT NULL, -- sessions from before do not hold
    version         bigint           NOT NULL,
    created_at      timestamptz      NOT NULL,
    updated_at      timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Which tenant's provider an e-mail domain leads to, from the system tenant's log
-- (tenant_id is that log's owner).
CREATE TABLE mail_domains (
    tenant_id   uuid             NOT NULL,
    domain      text COLLATE "C" NOT NULL,
    held_by     uuid             NOT NULL, -- a tenant
    provider_id uuid             NOT NULL,
    version     bigint           NOT NULL,
    PRIMARY KEY (tenant_id, domain)
);
CREATE INDEX ON mail_domains (tenant_id, held_by);
