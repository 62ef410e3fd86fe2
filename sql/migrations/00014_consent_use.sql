-- +goose Up

-- When a client last got tokens by what a user allowed it. NULL: not since this is
-- noted.
ALTER TABLE oauth_consents ADD COLUMN used_at timestamptz;
