-- +goose Up

-- How far each projection has read each tenant's log, per generation (a rebuild
-- fills a new generation beside the serving one). fence is the lease token of
-- the writer: a writer with an older token is refused.
CREATE TABLE checkpoints (
    tenant_id   uuid             NOT NULL,
    projection  text COLLATE "C" NOT NULL,
    generation  integer          NOT NULL,
    position    bigint           NOT NULL,
    fence       bigint           NOT NULL,
    recorded_at timestamptz      NOT NULL, -- of the event at position
    CONSTRAINT checkpoints_pkey PRIMARY KEY (tenant_id, projection, generation)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);
SELECT distribute('checkpoints', 'tenant');

-- Streams that a projection has set aside because one of their events failed.
-- The events themselves stay in the log: position and version say where to go on.
CREATE TABLE parked_streams (
    tenant_id      uuid             NOT NULL,
    projection     text COLLATE "C" NOT NULL,
    generation     integer          NOT NULL,
    stream_type    text COLLATE "C" NOT NULL,
    stream_id      text COLLATE "C" NOT NULL,
    dead_letter_id uuid             NOT NULL,
    position       bigint           NOT NULL, -- of the failed event
    version        bigint           NOT NULL, -- of the failed event in its stream
    CONSTRAINT parked_streams_pkey PRIMARY KEY (tenant_id, projection, generation, stream_type, stream_id)
);
SELECT distribute('parked_streams', 'tenant');

-- Which process runs a projection. token rises with every change of hands and
-- travels with each checkpoint write.
CREATE TABLE leases (
    name       text COLLATE "C" NOT NULL PRIMARY KEY,
    holder     text             NOT NULL,
    token      bigint           NOT NULL,
    expires_at timestamptz      NOT NULL
);
SELECT distribute('leases', 'single');

-- Which generation of each read model the public views show.
CREATE TABLE read_models (
    projection  text COLLATE "C" NOT NULL PRIMARY KEY,
    generation  integer          NOT NULL,
    version     integer          NOT NULL,
    switched_at timestamptz      NOT NULL
);
SELECT distribute('read_models', 'single');
