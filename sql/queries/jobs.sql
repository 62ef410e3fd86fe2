-- The job queue. Tables are qualified because a saga enqueues in transactions
-- that run with the search path of a projection's generation.

-- name: EnqueueJobs :one
-- Jobs whose key is known are left out. A group's jobs begin as waiting; its row
-- is locked until the caller's transaction ends, which keeps their order.
WITH added AS (
  INSERT INTO public.jobs (tenant_id, id, kind, key, job_group, run_at, enqueued_at, state, payload)
  SELECT j.tenant_id, j.id, j.kind, j.key, j.job_group, GREATEST(j.run_at, now()), now(),
    CASE WHEN j.job_group <> '' THEN 'waiting' WHEN j.run_at > now() THEN 'scheduled' ELSE 'ready' END,
    j.payload::json
  FROM (SELECT unnest(sqlc.arg(tenant_ids)::uuid[]) AS tenant_id, unnest(sqlc.arg(ids)::uuid[]) AS id,
    unnest(sqlc.arg(kinds)::text[]) AS kind, unnest(sqlc.arg(keys)::text[]) AS key,
    unnest(sqlc.arg(job_groups)::text[]) AS job_group, unnest(sqlc.arg(run_ats)::timestamptz[]) AS run_at,
    unnest(sqlc.arg(payloads)::text[]) AS payload, generate_subscripts(sqlc.arg(ids)::uuid[], 1) AS n) j
  ORDER BY j.n
  ON CONFLICT (tenant_id, kind, key) DO NOTHING
  RETURNING tenant_id, job_group
), grown AS (
  INSERT INTO public.job_groups (tenant_id, job_group, jobs, active)
  SELECT tenant_id, job_group, count(*), false FROM added WHERE job_group <> ''
  GROUP BY tenant_id, job_group ORDER BY tenant_id, job_group
  ON CONFLICT (tenant_id, job_group) DO UPDATE SET jobs = job_groups.jobs + EXCLUDED.jobs
)
SELECT count(*) FROM added;

-- name: TakeJobs :many
-- Across tenants: takes ready jobs of a kind to run them, or only to dispatch
-- them (then attempt is 0 and the payload is left out). It goes from tenant to
-- tenant, from the one after a given tenant on and around, and takes of each the
-- oldest, but no more than per_tenant less those that busy names: the tenants of
-- the jobs that are under way. Tenants are found by one index probe each and
-- only as far as they are needed, so a long queue of one costs the others
-- nothing. (The second LIMIT tells the planner that the rows are few, whatever
-- the first one is.)
WITH RECURSIVE behind AS (
  (SELECT j.tenant_id FROM public.jobs j
   WHERE j.state = 'ready' AND j.kind = sqlc.arg(kind) AND j.tenant_id > sqlc.arg(after)
   ORDER BY j.tenant_id LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM behind b CROSS JOIN LATERAL (
    SELECT j.tenant_id FROM public.jobs j
    WHERE j.state = 'ready' AND j.kind = sqlc.arg(kind) AND j.tenant_id > b.tenant_id
    ORDER BY j.tenant_id LIMIT 1) n
), front AS (
  (SELECT j.tenant_id FROM public.jobs j
   WHERE j.state = 'ready' AND j.kind = sqlc.arg(kind) AND j.tenant_id <= sqlc.arg(after)
   ORDER BY j.tenant_id LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM front f CROSS JOIN LATERAL (
    SELECT j.tenant_id FROM public.jobs j
    WHERE j.state = 'ready' AND j.kind = sqlc.arg(kind) AND j.tenant_id > f.tenant_id AND j.tenant_id <= sqlc.arg(after)
    ORDER BY j.tenant_id LIMIT 1) n
), picked AS (
  SELECT p.tenant_id, p.id FROM (
    SELECT o.tenant_id, o.id FROM (SELECT tenant_id FROM behind UNION ALL SELECT tenant_id FROM front) t
    CROSS JOIN LATERAL (
      SELECT j.tenant_id, j.id FROM public.jobs j
      WHERE j.state = 'ready' AND j.kind = sqlc.arg(kind) AND j.tenant_id = t.tenant_id
      ORDER BY j.seq
      LIMIT GREATEST(sqlc.arg(per_tenant)::integer - COALESCE(cardinality(array_positions(sqlc.arg(busy)::uuid[], t.tenant_id)), 0), 0)
      FOR UPDATE SKIP LOCKED) o
    LIMIT sqlc.arg(max_rows)) p
  LIMIT 100
)
UPDATE public.jobs j SET state = sqlc.arg(state), claim = j.claim + sqlc.arg(attempt)::integer,
  attempts = j.attempts + sqlc.arg(attempt)::integer, lease_until = now() + sqlc.arg(lease)::interval, worker = sqlc.arg(worker)
FROM picked
WHERE j.tenant_id = picked.tenant_id AND j.id = picked.id
RETURNING j.tenant_id, j.id, j.seq, j.claim, j.attempts, j.kind, j.key, j.job_group, j.run_at,
  (CASE WHEN sqlc.arg(attempt)::integer = 1 THEN j.payload ELSE 'null' END)::json AS payload,
  extract(epoch FROM now() - j.run_at)::double precision AS waited;

-- name: ClaimJob :one
-- By a message that names the job. Whatever has become of it since, only one
-- worker gets it.
UPDATE public.jobs j SET state = 'running', claim = j.claim + 1, attempts = j.attempts + 1,
  lease_until = now() + sqlc.arg(lease)::interval, worker = sqlc.arg(worker)
WHERE j.tenant_id = $1 AND j.id = $2 AND j.kind = $3 AND j.state IN ('ready', 'dispatched')
RETURNING j.tenant_id, j.id, j.seq, j.claim, j.attempts, j.kind, j.key, j.job_group, j.run_at, j.payload,
  extract(epoch FROM now() - j.run_at)::double precision AS waited;

-- name: JobsUnderWay :many
-- Across tenants: the tenant of each job of a kind that is dispatched or
-- running, for the bounds of the dispatcher.
SELECT j.tenant_id FROM public.jobs j
WHERE j.state IN ('dispatched', 'running') AND j.kind = sqlc.arg(kind) LIMIT sqlc.arg(max_rows);

-- name: HasReadyJobs :one
-- Across tenants: spares the dispatcher a transaction when there is nothing.
SELECT EXISTS (SELECT FROM public.jobs j WHERE j.state = 'ready' AND j.kind = $1);

-- name: AddJobDispatcher :exec
-- The row whose lock lets one process at a time dispatch jobs of a kind.
INSERT INTO public.leases (name, holder, token, expires_at) VALUES ($1, '', 0, now()) ON CONFLICT (name) DO NOTHING;

-- name: LockJobDispatcher :one
-- No row: another process is at it.
SELECT name FROM public.leases WHERE name = $1 FOR UPDATE SKIP LOCKED;

-- name: UndispatchJobs :exec
-- Across tenants: the broker did not take their messages.
UPDATE public.jobs j SET state = 'ready', lease_until = NULL
FROM (SELECT unnest(sqlc.arg(tenant_ids)::uuid[]) AS tenant_id, unnest(sqlc.arg(ids)::uuid[]) AS id) u
WHERE j.tenant_id = u.tenant_id AND j.id = u.id AND j.state = 'dispatched';

-- name: RenewJobs :many
-- Across tenants: gives the claims of one process a new lease and returns those
-- that still hold. A row that is being finished in a long transaction is passed
-- over: waiting for it would let the other leases run out.
WITH held AS (
  SELECT unnest(sqlc.arg(tenant_ids)::uuid[]) AS tenant_id, unnest(sqlc.arg(ids)::uuid[]) AS id,
    unnest(sqlc.arg(claims)::bigint[]) AS claim
), free AS (
  SELECT j.tenant_id, j.id FROM public.jobs j, held h
  WHERE j.tenant_id = h.tenant_id AND j.id = h.id AND j.claim = h.claim AND j.state = 'running'
  FOR UPDATE OF j SKIP LOCKED
), renewed AS (
  UPDATE public.jobs j SET lease_until = now() + sqlc.arg(lease)::interval
  FROM free WHERE j.tenant_id = free.tenant_id AND j.id = free.id
)
SELECT j.id FROM public.jobs j, held h
WHERE j.tenant_id = h.tenant_id AND j.id = h.id AND j.claim = h.claim AND j.state = 'running';

-- name: FinishJobs :exec
-- Across tenants: jobs without group whose handlers succeeded. The payload is
-- of no more use. A job whose lease has run out counts as done too, as long as
-- nobody else has claimed it.
UPDATE public.jobs j SET state = 'done', finished_at = now(), lease_until = NULL, payload = 'null', last_error = ''
FROM (SELECT unnest(sqlc.arg(tenant_ids)::uuid[]) AS tenant_id, unnest(sqlc.arg(ids)::uuid[]) AS id,
  unnest(sqlc.arg(claims)::bigint[]) AS claim) h
WHERE j.tenant_id = h.tenant_id AND j.id = h.id AND j.claim = h.claim AND j.state IN ('running', 'ready', 'dispatched');

-- name: FinishJob :one
-- One job, and the group's next one may become active.
WITH finished AS (
  UPDATE public.jobs j SET state = 'done', finished_at = now(), lease_until = NULL, payload = 'null', last_error = ''
  WHERE j.tenant_id = sqlc.arg(tenant_id) AND j.id = sqlc.arg(id) AND j.claim = sqlc.arg(claim) AND j.state IN ('running', 'ready', 'dispatched')
  RETURNING j.tenant_id, j.job_group
), freed AS (
  UPDATE public.job_groups g SET active = false, jobs = g.jobs - 1 FROM finished
  WHERE g.tenant_id = sqlc.arg(tenant_id) AND g.tenant_id = finished.tenant_id AND g.job_group = finished.job_group
    AND finished.job_group <> ''
)
SELECT count(*) FROM finished;

-- name: FailJob :execrows
-- A failed attempt: another one after a delay, or none. Either holds the group.
UPDATE public.jobs j SET lease_until = NULL, last_error = sqlc.arg(last_error), run_at = now() + sqlc.arg(delay)::interval,
  state = CASE WHEN sqlc.arg(dead)::boolean THEN 'dead' WHEN sqlc.arg(delay)::interval > '0'::interval THEN 'scheduled' ELSE 'ready' END,
  finished_at = CASE WHEN sqlc.arg(dead)::boolean THEN now() END
WHERE j.tenant_id = sqlc.arg(tenant_id) AND j.id = sqlc.arg(id) AND j.claim = sqlc.arg(claim) AND j.state = 'running';

-- name: ReleaseJob :execrows
-- The process stops before the handler ended: the attempt does not count.
UPDATE public.jobs j SET state = 'ready', lease_until = NULL, attempts = j.attempts - 1
WHERE j.tenant_id = $1 AND j.id = $2 AND j.claim = $3 AND j.state = 'running';

-- name: ReadyDueJobs :execrows
-- Across tenants: what has become due, the earliest first.
UPDATE public.jobs j SET state = 'ready'
FROM (SELECT d.tenant_id, d.id FROM public.jobs d WHERE d.state = 'scheduled' AND d.run_at <= now()
  ORDER BY d.run_at LIMIT 500 FOR UPDATE SKIP LOCKED) due
WHERE j.tenant_id = due.tenant_id AND j.id = due.id;

-- name: ReadyDueJobsOfEachTenant :execrows
-- Across tenants: the same when very much is due: some of every tenant's, so
-- that none waits behind the others' many.
WITH RECURSIVE tenants AS (
  (SELECT j.tenant_id FROM public.jobs j WHERE j.state = 'scheduled' ORDER BY j.tenant_id LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM tenants t CROSS JOIN LATERAL (
    SELECT j.tenant_id FROM public.jobs j WHERE j.state = 'scheduled' AND j.tenant_id > t.tenant_id
    ORDER BY j.tenant_id LIMIT 1) n
), due AS (
  SELECT d.tenant_id, d.id FROM tenants t CROSS JOIN LATERAL (
    SELECT j.tenant_id, j.id FROM public.jobs j
    WHERE j.state = 'scheduled' AND j.tenant_id = t.tenant_id AND j.run_at <= now()
    ORDER BY j.run_at LIMIT 20 FOR UPDATE SKIP LOCKED) d
)
UPDATE public.jobs j SET state = 'ready' FROM due WHERE j.tenant_id = due.tenant_id AND j.id = due.id;

-- name: ExpireJobs :many
-- Across tenants: jobs whose worker or message is lost.
UPDATE public.jobs j SET state = 'ready', lease_until = NULL
FROM (SELECT e.tenant_id, e.id, e.state FROM public.jobs e
  WHERE e.state IN ('dispatched', 'running') AND e.lease_until <= now()
  ORDER BY e.lease_until LIMIT 500 FOR UPDATE SKIP LOCKED) expired
WHERE j.tenant_id = expired.tenant_id AND j.id = expired.id
RETURNING j.tenant_id, j.id, j.kind, j.worker, j.attempts, (expired.state = 'running')::boolean AS ran;

-- name: ActivateJobGroups :execrows
-- Across tenants: in groups without an active job the first one that waits
-- becomes it, of each tenant some. The group's row is locked first; if its first
-- job is not in sight yet, the group stays idle and is found again.
WITH RECURSIVE tenants AS (
  (SELECT g.tenant_id FROM public.job_groups g WHERE NOT g.active AND g.jobs > 0 ORDER BY g.tenant_id LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM tenants t CROSS JOIN LATERAL (
    SELECT g.tenant_id FROM public.job_groups g WHERE NOT g.active AND g.jobs > 0 AND g.tenant_id > t.tenant_id
    ORDER BY g.tenant_id LIMIT 1) n
), idle AS (
  SELECT i.tenant_id, i.job_group FROM (SELECT tenant_id FROM tenants LIMIT 100) t CROSS JOIN LATERAL (
    SELECT g.tenant_id, g.job_group FROM public.job_groups g
    WHERE NOT g.active AND g.jobs > 0 AND g.tenant_id = t.tenant_id
    ORDER BY g.job_group LIMIT 20 FOR UPDATE SKIP LOCKED) i
), first AS (
  SELECT f.tenant_id, f.id FROM idle CROSS JOIN LATERAL (
    SELECT j.tenant_id, j.id FROM public.jobs j
    WHERE j.state = 'waiting' AND j.tenant_id = idle.tenant_id AND j.job_group = idle.job_group
    ORDER BY j.seq LIMIT 1) f
), activated AS (
  UPDATE public.jobs j SET run_at = GREATEST(j.run_at, now()),
    state = CASE WHEN j.run_at > now() THEN 'scheduled' ELSE 'ready' END
  FROM first WHERE j.tenant_id = first.tenant_id AND j.id = first.id AND j.state = 'waiting'
  RETURNING j.tenant_id, j.job_group
)
UPDATE public.job_groups g SET active = true FROM activated
WHERE g.tenant_id = activated.tenant_id AND g.job_group = activated.job_group;

-- name: DeleteFinishedJobs :execrows
-- Across tenants: finished jobs past their retention, and with them their keys.
DELETE FROM public.jobs j USING (
  SELECT f.tenant_id, f.id FROM public.jobs f
  WHERE f.state IN ('done', 'discarded') AND f.finished_at < now() - sqlc.arg(retention)::interval
  ORDER BY f.finished_at LIMIT 1000 FOR UPDATE SKIP LOCKED) old
WHERE j.tenant_id = old.tenant_id AND j.id = old.id;

-- name: DeleteEmptyJobGroups :execrows
-- Across tenants: a group that gets a job meanwhile is left, because its row is
-- looked at again under the lock.
DELETE FROM public.job_groups g USING (
  SELECT e.tenant_id, e.job_group FROM public.job_groups e WHERE e.jobs = 0
  ORDER BY e.tenant_id, e.job_group LIMIT 1000 FOR UPDATE SKIP LOCKED) empty
WHERE g.tenant_id = empty.tenant_id AND g.job_group = empty.job_group AND g.jobs = 0;

-- name: CountReadyJobs :many
-- Across tenants: for the gauges, up to a bound.
SELECT k.kind::text AS kind, (SELECT count(*) FROM (
    SELECT 1 FROM public.jobs j WHERE j.state = 'ready' AND j.kind = k.kind LIMIT 100000) r)::bigint AS ready
FROM (SELECT unnest(sqlc.arg(kinds)::text[]) AS kind) k;

-- name: CountDeadJobs :many
-- Across tenants: for the gauges, up to a bound.
SELECT d.kind, count(*) AS dead FROM (
  SELECT j.kind FROM public.jobs j WHERE j.state = 'dead' LIMIT 100000) d
GROUP BY d.kind;

-- name: JobByID :one
SELECT tenant_id, id, seq, claim, run_at, enqueued_at, finished_at, attempts, kind, key, job_group, state, worker, last_error
FROM public.jobs WHERE tenant_id = $1 AND id = $2;

-- name: NewestJobs :many
-- All of a tenant's jobs, or those that are done.
SELECT tenant_id, id, seq, claim, run_at, enqueued_at, finished_at, attempts, kind, key, job_group, state, worker, last_error
FROM public.jobs
WHERE tenant_id = $1 AND id < sqlc.arg(before)
  AND (sqlc.arg(state)::text = '' OR state = sqlc.arg(state)) AND (sqlc.arg(kind)::text = '' OR kind = sqlc.arg(kind))
ORDER BY id DESC LIMIT sqlc.arg(max_rows);

-- name: NewestOpenJobs :many
-- A tenant's jobs in any other state; the condition opens the smaller index.
SELECT tenant_id, id, seq, claim, run_at, enqueued_at, finished_at, attempts, kind, key, job_group, state, worker, last_error
FROM public.jobs
WHERE tenant_id = $1 AND id < sqlc.arg(before) AND state <> 'done'
  AND state = sqlc.arg(state) AND (sqlc.arg(kind)::text = '' OR kind = sqlc.arg(kind))
ORDER BY id DESC LIMIT sqlc.arg(max_rows);

-- name: DeadJobs :many
-- In the order of their enqueueing, in which they are re-driven; died_until
-- leaves out what has died again since a re-drive began.
SELECT tenant_id, id, seq, claim, run_at, enqueued_at, finished_at, attempts, kind, key, job_group, state, worker, last_error
FROM public.jobs
WHERE tenant_id = $1 AND state = 'dead' AND (sqlc.arg(kind)::text = '' OR kind = sqlc.arg(kind))
  AND (sqlc.narg(died_until)::timestamptz IS NULL OR finished_at <= sqlc.narg(died_until))
ORDER BY seq LIMIT sqlc.arg(max_rows);

-- name: RedriveJob :execrows
-- claim says which of its deaths the order is about, so that it counts once.
UPDATE public.jobs j SET state = 'ready', attempts = 0, run_at = now(), finished_at = NULL
WHERE j.tenant_id = $1 AND j.id = $2 AND j.claim = $3 AND j.state = 'dead';

-- name: DiscardJob :one
WITH discarded AS (
  UPDATE public.jobs j SET state = 'discarded', finished_at = now(), payload = 'null'
  WHERE j.tenant_id = sqlc.arg(tenant_id) AND j.id = sqlc.arg(id) AND j.claim = sqlc.arg(claim) AND j.state = 'dead'
  RETURNING j.tenant_id, j.job_group
), freed AS (
  UPDATE public.job_groups g SET active = false, jobs = g.jobs - 1 FROM discarded
  WHERE g.tenant_id = sqlc.arg(tenant_id) AND g.tenant_id = discarded.tenant_id AND g.job_group = discarded.job_group
    AND discarded.job_group <> ''
)
SELECT count(*) FROM discarded;
