-- +goose Up

-- Hash of the operator token: the credential of the installation's owner until
-- people can sign in. There is at most one row.
CREATE TABLE operator_token (
    id         integer     NOT NULL PRIMARY KEY CHECK (id = 1),
    token_hash bytea       NOT NULL,
    created_at timestamptz NOT NULL
);
SELECT distribute('operator_token', 'single');
