-- State of saga webhook_deliveries: what each webhook that is not deleted
-- selects, and how it is reached, as of the saga's checkpoint.
CREATE TABLE webhook_subscriptions (
    tenant_id          uuid             NOT NULL,
    id                 uuid             NOT NULL,
    url                text             NOT NULL,
    topics             jsonb            NOT NULL,
    filter             text             NOT NULL,
    status             text COLLATE "C" NOT NULL, -- enabled, disabled
    secret_id          uuid             NOT NULL,
    previous_secret_id uuid             NOT NULL, -- nil: none
    previous_until     timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
