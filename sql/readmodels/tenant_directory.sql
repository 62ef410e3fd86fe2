-- Read model of projection tenant_directory: one row per tenant, from the
-- system tenant's log (tenant_id is that log's owner, id the tenant described).
CREATE TABLE tenant_directory (
    tenant_id  uuid             NOT NULL,
    id         uuid             NOT NULL,
    slug       text COLLATE "C" NOT NULL,
    name       text             NOT NULL,
    status     text COLLATE "C" NOT NULL,
    settings   jsonb            NOT NULL,
    version    bigint           NOT NULL,
    created_at timestamptz      NOT NULL,
    updated_at timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON tenant_directory (tenant_id, slug);
CREATE INDEX ON tenant_directory (tenant_id, created_at, id);
CREATE INDEX ON tenant_directory (tenant_id, name, id);

-- What is shown of one tenant only, and spared the lists.
CREATE TABLE tenant_details (
    tenant_id    uuid  NOT NULL,
    id           uuid  NOT NULL,
    quotas       jsonb NOT NULL, -- as they were set
    provisioning jsonb NOT NULL, -- as the aggregate knows it
    PRIMARY KEY (tenant_id, id)
);
