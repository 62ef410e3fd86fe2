-- Read model of projection webhooks: one row per webhook that is not deleted,
-- from its tenant's log.
CREATE TABLE webhooks (
    tenant_id            uuid             NOT NULL,
    id                   uuid             NOT NULL,
    url                  text             NOT NULL,
    description          text             NOT NULL,
    topics               jsonb            NOT NULL,
    filter               text             NOT NULL,
    status               text COLLATE "C" NOT NULL, -- enabled, disabled
    disabled_reason      text             NOT NULL,
    fingerprint          text             NOT NULL, -- of the secret
    previous_fingerprint text             NOT NULL, -- of the one before, which signs too until
    previous_until       timestamptz      NOT NULL,
    version              bigint           NOT NULL,
    created_at           timestamptz      NOT NULL,
    updated_at           timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
