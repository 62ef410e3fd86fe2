-- +goose Up

-- What an installation that gets its certificates by ACME has to keep: the account's
-- key, certificates with their keys, and, for the time of an order, answers to
-- challenges, so that any node can give them. Wrapped with a key of the server's.
-- tenant_id is always the system tenant.
CREATE TABLE certificates (
    tenant_id  uuid             NOT NULL,
    name       text COLLATE "C" NOT NULL, -- as golang.org/x/crypto/acme/autocert names it
    wrapped    bytea            NOT NULL,
    updated_at timestamptz      NOT NULL,
    CONSTRAINT certificates_pkey PRIMARY KEY (tenant_id, name)
);
SELECT distribute('certificates', 'tenant');
SELECT wall('certificates');
