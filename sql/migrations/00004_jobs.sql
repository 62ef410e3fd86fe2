-- +goose Up

-- Work with effects outside. The tables are queues that are claimed across
-- tenants, hence on one shard (ADR 14). State is one of
--   waiting     behind other jobs of its group
--   scheduled   not before run_at
--   ready       to be claimed
--   dispatched  named in a message of a broker until lease_until
--   running     in the hands of worker until lease_until
--   done        kept for its key until its retention has passed
--   dead        its attempts are used up; waits for people
--   discarded   given up by people; kept like done
-- seq is the order of enqueueing. It comes from a sequence, which is safe here:
-- nobody reads behind the last seq that they saw.
CREATE TABLE jobs (
    tenant_id   uuid             NOT NULL,
    id          uuid             NOT NULL,
    seq         bigint           NOT NULL GENERATED ALWAYS AS IDENTITY,
    claim       bigint           NOT NULL DEFAULT 0, -- counts claims; the fence between workers of one job
    run_at      timestamptz      NOT NULL,
    enqueued_at timestamptz      NOT NULL,
    lease_until timestamptz,
    finished_at timestamptz,
    attempts    integer          NOT NULL DEFAULT 0, -- since the last re-drive
    kind        text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    job_group   text COLLATE "C" NOT NULL, -- empty: none
    state       text COLLATE "C" NOT NULL,
    worker      text             NOT NULL DEFAULT '',
    last_error  text             NOT NULL DEFAULT '',
    payload     json             NOT NULL,
    CONSTRAINT jobs_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT jobs_key UNIQUE (tenant_id, kind, key)
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
-- For claims: which tenants have work of a kind, and each one's oldest first.
CREATE INDEX jobs_ready ON jobs (kind, tenant_id, seq) WHERE state = 'ready';
-- For what becomes due: over all, and fairly per tenant when much is due.
CREATE INDEX jobs_due ON jobs (run_at) WHERE state = 'scheduled';
CREATE INDEX jobs_due_of_tenant ON jobs (tenant_id, run_at) WHERE state = 'scheduled';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state IN ('dispatched', 'running');
CREATE INDEX jobs_waiting ON jobs (tenant_id, job_group, seq) WHERE state = 'waiting';
CREATE INDEX jobs_dead ON jobs (tenant_id, seq) WHERE state = 'dead';
CREATE INDEX jobs_open ON jobs (tenant_id, id) WHERE state <> 'done';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE state IN ('done', 'discarded');
SELECT distribute('jobs', 'single');

-- A tenant's group with unfinished jobs. Its row lock puts those who add jobs
-- and those who finish one in order, so that exactly one job is active: ready,
-- scheduled, dispatched, running or dead. The others wait.
CREATE TABLE job_groups (
    tenant_id uuid             NOT NULL,
    job_group text COLLATE "C" NOT NULL,
    jobs      bigint           NOT NULL, -- unfinished ones
    active    boolean          NOT NULL,
    CONSTRAINT job_groups_pkey PRIMARY KEY (tenant_id, job_group)
) WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX job_groups_idle ON job_groups (tenant_id, job_group) WHERE NOT active AND jobs > 0;
CREATE INDEX job_groups_empty ON job_groups (tenant_id, job_group) WHERE jobs = 0;
SELECT distribute('job_groups', 'single');
