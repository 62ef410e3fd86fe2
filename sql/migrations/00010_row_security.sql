-- +goose Up

-- The second wall around a tenant (ADR 20). What is read on behalf of a request is
-- read as the role tansu_tenant, which sees the rows of the tenant that the
-- setting tansu.tenant names, and none without it. The owner of the tables goes
-- past it: appends, projections and workers serve all tenants.

-- A role belongs to the cluster, so another database may have made it, or be
-- making it at this moment.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tansu_tenant') THEN
        BEGIN
            CREATE ROLE tansu_tenant NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tansu_tenant' AND (rolsuper OR rolbypassrls)) THEN
        RAISE EXCEPTION 'the role tansu_tenant is a superuser or has BYPASSRLS, so row-level security would not bind it'
            USING HINT = 'As an administrator run: ALTER ROLE tansu_tenant NOSUPERUSER NOBYPASSRLS';
    END IF;
    IF NOT pg_catalog.pg_has_role(current_user, 'tansu_tenant', 'MEMBER') THEN
        BEGIN
            GRANT tansu_tenant TO CURRENT_USER;
        EXCEPTION WHEN unique_violation THEN NULL;
        END;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the database user % may not make the role tansu_tenant, or not take it. As an administrator run: CREATE ROLE tansu_tenant NOLOGIN; GRANT tansu_tenant TO %; then migrate again', quote_ident(current_user), quote_ident(current_user)
        USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd

-- wall closes a tenant table to the role but for the rows of its tenant. What the
-- interface reads of it is granted besides; of most tables that is nothing.
-- +goose StatementBegin
CREATE FUNCTION wall(tbl regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl);
    EXECUTE format('CREATE POLICY own_tenant ON %s FOR SELECT TO tansu_tenant USING (tenant_id = nullif(current_setting(''tansu.tenant'', true), '''')::uuid)', tbl);
END $$;
-- +goose StatementEnd

-- All tables that there are, in the order in which they were made, because that is
-- the order in which nodes at work lock them; and with them the generations of read
-- models, of which later ones are made so. What sagas remember is nothing that the
-- interface reads.
-- +goose StatementBegin
DO $$
DECLARE
    tbl record;
BEGIN
    FOR tbl IN
        SELECT c.oid::regclass AS id, n.nspname, c.relname
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND pg_catalog.obj_description(c.oid, 'pg_class') LIKE 'distribution: %'
        ORDER BY c.oid
    LOOP
        PERFORM wall(tbl.id);
        CONTINUE WHEN tbl.nspname = 'public';
        IF EXISTS (SELECT FROM pg_catalog.pg_views v WHERE v.schemaname = 'public' AND v.viewname = tbl.relname) THEN
            EXECUTE format('ALTER VIEW public.%I SET (security_invoker = true)', tbl.relname);
        END IF;
        CONTINUE WHEN tbl.relname = 'webhook_subscriptions';
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO tansu_tenant', tbl.nspname);
        EXECUTE format('GRANT SELECT ON %s TO tansu_tenant', tbl.id);
        IF EXISTS (SELECT FROM pg_catalog.pg_views v WHERE v.schemaname = 'public' AND v.viewname = tbl.relname) THEN
            EXECUTE format('GRANT SELECT ON public.%I TO tansu_tenant', tbl.relname);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA public TO tansu_tenant;
GRANT SELECT ON heads, events, claims, idempotency, snapshots, webhook_deliveries, webhook_replays TO tansu_tenant;
-- For where a feed's snapshot stands.
GRANT SELECT ON checkpoints, read_models TO tansu_tenant;
-- All but the payload, which may hold what is not the tenant's to see.
GRANT SELECT (tenant_id, id, seq, claim, run_at, enqueued_at, finished_at, attempts, kind, key, job_group, state, worker, last_error)
    ON jobs TO tansu_tenant;
