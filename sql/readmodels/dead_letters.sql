-- Read model of projection dead_letters: one row per stream that a projection
-- parked, from the system tenant's log.
CREATE TABLE dead_letters (
    tenant_id    uuid             NOT NULL,
    id           uuid             NOT NULL,
    projection   text COLLATE "C" NOT NULL,
    generation   integer          NOT NULL,
    status       text COLLATE "C" NOT NULL, -- parked, redriving, resolved, discarded
    log_tenant   uuid             NOT NULL, -- whose stream it is
    stream_type  text COLLATE "C" NOT NULL,
    stream_id    text COLLATE "C" NOT NULL,
    position     bigint           NOT NULL, -- of the failed event
    event_id     uuid             NOT NULL,
    event_type   text COLLATE "C" NOT NULL,
    error        text             NOT NULL,
    attempts     integer          NOT NULL,
    reason       text             NOT NULL, -- of a discard
    parked_at    timestamptz      NOT NULL,
    updated_at   timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON dead_letters (tenant_id, status, parked_at, id);
