-- +goose Up

-- distribute declares how a table is spread when the database grows into Citus,
-- and spreads it there. On plain PostgreSQL it only records the declaration as
-- the table's comment, which a test requires of every table.
--   tenant     sharded by tenant_id, colocated with heads
--   reference  copied to every node; rarely written
--   single     one shard; for queues, leases and rows that span tenants
-- Foreign keys are added after the tables of both ends have been distributed.
-- +goose StatementBegin
CREATE FUNCTION distribute(tbl regclass, kind text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF kind NOT IN ('tenant', 'reference', 'single') THEN
        RAISE EXCEPTION 'distribute(%): unknown kind %', tbl, kind;
    END IF;
    EXECUTE format('COMMENT ON TABLE %s IS %L', tbl, 'distribution: ' || kind);
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus') THEN
        RETURN;
    END IF;
    IF kind = 'reference' THEN
        EXECUTE format('SELECT create_reference_table(%L)', tbl);
    ELSIF kind = 'single' THEN
        EXECUTE format('SELECT create_distributed_table(%L, NULL, colocate_with => ''none'')', tbl);
    ELSIF tbl = 'public.heads'::regclass THEN
        EXECUTE format('SELECT create_distributed_table(%L, ''tenant_id'')', tbl);
    ELSE
        EXECUTE format('SELECT create_distributed_table(%L, ''tenant_id'', colocate_with => ''public.heads'')', tbl);
    END IF;
END $$;
-- +goose StatementEnd

-- The end of each tenant's log. Updated by every append, so pages keep room for
-- HOT updates and vacuum comes often (dead versions make each update slower).
CREATE TABLE heads (
    tenant_id   uuid        NOT NULL PRIMARY KEY,
    position    bigint      NOT NULL,
    chain_hash  bytea       NOT NULL,
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 0);
SELECT distribute('heads', 'tenant');

-- The log. data and metadata are json, not jsonb: the bytes are kept exactly,
-- and the hash covers them.
CREATE TABLE events (
    tenant_id      uuid              NOT NULL,
    position       bigint            NOT NULL,
    version        bigint            NOT NULL,
    event_id       uuid              NOT NULL,
    recorded_at    timestamptz       NOT NULL,
    schema_version integer           NOT NULL,
    stream_type    text COLLATE "C"  NOT NULL,
    stream_id      text COLLATE "C"  NOT NULL,
    type           text COLLATE "C"  NOT NULL,
    hash           bytea             NOT NULL,
    data           json              NOT NULL,
    metadata       json              NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (tenant_id, position),
    CONSTRAINT events_stream_key UNIQUE (tenant_id, stream_type, stream_id, version)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
SELECT distribute('events', 'tenant');

-- Values that are unique within a tenant, held by a stream.
CREATE TABLE claims (
    tenant_id   uuid             NOT NULL,
    scope       text COLLATE "C" NOT NULL,
    value       text COLLATE "C" NOT NULL,
    stream_type text COLLATE "C" NOT NULL,
    stream_id   text COLLATE "C" NOT NULL,
    CONSTRAINT claims_pkey PRIMARY KEY (tenant_id, scope, value)
);
SELECT distribute('claims', 'tenant');

-- What a command with an idempotency key answered. Old rows are deleted by age,
-- which the block-range index finds because rows arrive in order of time.
CREATE TABLE idempotency (
    tenant_id   uuid             NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint bytea            NOT NULL,
    position    bigint           NOT NULL,
    recorded_at timestamptz      NOT NULL,
    response    bytea            NOT NULL,
    CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_age ON idempotency USING brin (recorded_at) WITH (pages_per_range = 32);
SELECT distribute('idempotency', 'tenant');

-- Disposable aggregate states.
CREATE TABLE snapshots (
    tenant_id     uuid             NOT NULL,
    stream_type   text COLLATE "C" NOT NULL,
    stream_id     text COLLATE "C" NOT NULL,
    state_version integer          NOT NULL,
    version       bigint           NOT NULL,
    state         json             NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (tenant_id, stream_type, stream_id)
);
SELECT distribute('snapshots', 'tenant');

-- Keys that seal personal fields, one per data subject, wrapped with the
-- server's master key. Erasing a subject sets wrapped_key to NULL.
CREATE TABLE subject_keys (
    tenant_id   uuid             NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    wrapped_key bytea,
    created_at  timestamptz      NOT NULL,
    erased_at   timestamptz,
    CONSTRAINT subject_keys_pkey PRIMARY KEY (tenant_id, subject)
);
SELECT distribute('subject_keys', 'tenant');
