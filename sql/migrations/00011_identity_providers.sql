-- +goose Up

-- Client secrets of tenants' identity providers, wrapped with a key of the
-- server's, because they are shown to the provider. Each is stored before the
-- event that names it, with a date in delete_after that goes once the event is
-- there.
CREATE TABLE provider_secrets (
    tenant_id    uuid        NOT NULL,
    provider_id  uuid        NOT NULL,
    id           uuid        NOT NULL,
    wrapped      bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    delete_after timestamptz,
    CONSTRAINT provider_secrets_pkey PRIMARY KEY (tenant_id, provider_id, id)
);
CREATE INDEX provider_secrets_age ON provider_secrets (delete_after) WHERE delete_after IS NOT NULL;
SELECT distribute('provider_secrets', 'tenant');
SELECT wall('provider_secrets');
