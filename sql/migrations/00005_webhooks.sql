-- +goose Up

-- Secrets that sign the deliveries of webhooks, wrapped with a key of the
-- server's. The log knows their ids and fingerprints. A secret is stored before
-- the event that names it, with a date in delete_after; the event lifts that
-- date, and the one that retires the secret sets another.
CREATE TABLE webhook_secrets (
    tenant_id    uuid        NOT NULL,
    id           uuid        NOT NULL,
    webhook_id   uuid        NOT NULL,
    wrapped      bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    delete_after timestamptz,
    CONSTRAINT webhook_secrets_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX webhook_secrets_webhook ON webhook_secrets (tenant_id, webhook_id);
CREATE INDEX webhook_secrets_age ON webhook_secrets (delete_after) WHERE delete_after IS NOT NULL;
SELECT distribute('webhook_secrets', 'tenant');

-- What became of each attempt to deliver, for people who look for a fault. Rows
-- go after some days, and the oldest of a webhook that has many. id is a UUIDv7,
-- so it orders them.
CREATE TABLE webhook_deliveries (
    tenant_id   uuid             NOT NULL,
    webhook_id  uuid             NOT NULL,
    id          uuid             NOT NULL,
    position    bigint           NOT NULL, -- of the event; 0 for a test
    event_type  text COLLATE "C" NOT NULL,
    replay_id   uuid             NOT NULL, -- nil: none
    attempt     integer          NOT NULL,
    outcome     text COLLATE "C" NOT NULL,
    status      integer          NOT NULL, -- of the answer; 0 if there was none
    duration_ms integer          NOT NULL,
    error       text             NOT NULL,
    response    text             NOT NULL, -- the beginning of it
    recorded_at timestamptz      NOT NULL,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (tenant_id, webhook_id, id)
);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries USING brin (recorded_at) WITH (pages_per_range = 32);
SELECT distribute('webhook_deliveries', 'tenant');

-- How far a replay is. Its job goes on from here.
CREATE TABLE webhook_replays (
    tenant_id     uuid        NOT NULL,
    id            uuid        NOT NULL,
    webhook_id    uuid        NOT NULL,
    from_position bigint      NOT NULL,
    to_position   bigint      NOT NULL,
    done_position bigint      NOT NULL, -- everything up to here has been looked at
    enqueued      bigint      NOT NULL,
    requested_at  timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT webhook_replays_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX webhook_replays_webhook ON webhook_replays (tenant_id, webhook_id, requested_at, id);
CREATE INDEX webhook_replays_age ON webhook_replays USING brin (updated_at) WITH (pages_per_range = 32);
SELECT distribute('webhook_replays', 'tenant');
