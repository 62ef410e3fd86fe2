-- Read model of projection clients: one row per OAuth client that is not
-- deleted, from the system tenant's log.
CREATE TABLE oauth_clients (
    tenant_id                 uuid             NOT NULL,
    id                        uuid             NOT NULL,
    name                      text             NOT NULL,
    type                      text COLLATE "C" NOT NULL, -- public, confidential
    redirect_uris             jsonb            NOT NULL,
    post_logout_redirect_uris jsonb            NOT NULL,
    grants                    jsonb            NOT NULL,
    token_endpoint_auth       text COLLATE "C" NOT NULL, -- none, secret, private_key_jwt
    jwks                      text             NOT NULL, -- empty: none
    scopes                    jsonb            NOT NULL,
    first_party               boolean          NOT NULL, -- people are not asked for consent
    status                    text COLLATE "C" NOT NULL, -- enabled, disabled
    disabled_reason           text             NOT NULL,
    secret_id                 text COLLATE "C" NOT NULL, -- empty: none
    previous_secret_id        text COLLATE "C" NOT NULL, -- of the secret before, which counts too until
    previous_until            timestamptz      NOT NULL,
    version                   bigint           NOT NULL,
    created_at                timestamptz      NOT NULL,
    updated_at                timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON oauth_clients (tenant_id, created_at, id);
