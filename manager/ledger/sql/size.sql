-- name: tables: What each table takes, and when it was vacuumed last. Rows as Postgres counts along; exactly
-- (`counted`) where the table is small.
SELECT c.relname::text AS name, t.counted IS NOT NULL AS exact,
       coalesce(t.counted, greatest(c.reltuples, s.n_live_tup, 0))::bigint AS rows,
       pg_relation_size(c.oid) AS heap, pg_indexes_size(c.oid) AS indexes,
       CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END AS toast,
       coalesce(s.n_dead_tup, 0) AS dead, greatest(s.last_autovacuum, s.last_vacuum) AS vacuumed_at
FROM (VALUES
    ('account', CASE WHEN pg_relation_size('account') < %(small)s THEN (SELECT count(*) FROM account) END),
    ('account_counter', CASE WHEN pg_relation_size('account_counter') < %(small)s THEN (SELECT count(*) FROM account_counter) END),
    ('budget', CASE WHEN pg_relation_size('budget') < %(small)s THEN (SELECT count(*) FROM budget) END),
    ('day_counter', CASE WHEN pg_relation_size('day_counter') < %(small)s THEN (SELECT count(*) FROM day_counter) END),
    ('endpoint_pause', CASE WHEN pg_relation_size('endpoint_pause') < %(small)s THEN (SELECT count(*) FROM endpoint_pause) END),
    ('enrichment', CASE WHEN pg_relation_size('enrichment') < %(small)s THEN (SELECT count(*) FROM enrichment) END),
    ('forgetting', CASE WHEN pg_relation_size('forgetting') < %(small)s THEN (SELECT count(*) FROM forgetting) END),
    ('held', CASE WHEN pg_relation_size('held') < %(small)s THEN (SELECT count(*) FROM held) END),
    ('job', CASE WHEN pg_relation_size('job') < %(small)s THEN (SELECT count(*) FROM job) END),
    ('job_event', CASE WHEN pg_relation_size('job_event') < %(small)s THEN (SELECT count(*) FROM job_event) END),
    ('lane', CASE WHEN pg_relation_size('lane') < %(small)s THEN (SELECT count(*) FROM lane) END),
    ('ledger', CASE WHEN pg_relation_size('ledger') < %(small)s THEN (SELECT count(*) FROM ledger) END),
    ('operator_action', CASE WHEN pg_relation_size('operator_action') < %(small)s THEN (SELECT count(*) FROM operator_action) END),
    ('operator_action_object', CASE WHEN pg_relation_size('operator_action_object') < %(small)s THEN (SELECT count(*) FROM operator_action_object) END),
    ('notice', CASE WHEN pg_relation_size('notice') < %(small)s THEN (SELECT count(*) FROM notice) END),
    ('notice_attempt', CASE WHEN pg_relation_size('notice_attempt') < %(small)s THEN (SELECT count(*) FROM notice_attempt) END),
    ('price', CASE WHEN pg_relation_size('price') < %(small)s THEN (SELECT count(*) FROM price) END),
    ('request', CASE WHEN pg_relation_size('request') < %(small)s THEN (SELECT count(*) FROM request) END),
    ('request_item', CASE WHEN pg_relation_size('request_item') < %(small)s THEN (SELECT count(*) FROM request_item) END),
    ('result', CASE WHEN pg_relation_size('result') < %(small)s THEN (SELECT count(*) FROM result) END),
    ('retention', CASE WHEN pg_relation_size('retention') < %(small)s THEN (SELECT count(*) FROM retention) END),
    ('slot', CASE WHEN pg_relation_size('slot') < %(small)s THEN (SELECT count(*) FROM slot) END),
    ('stray', CASE WHEN pg_relation_size('stray') < %(small)s THEN (SELECT count(*) FROM stray) END),
    ('target', CASE WHEN pg_relation_size('target') < %(small)s THEN (SELECT count(*) FROM target) END),
    ('waiting_counter', CASE WHEN pg_relation_size('waiting_counter') < %(small)s THEN (SELECT count(*) FROM waiting_counter) END),
    ('vendor_job', CASE WHEN pg_relation_size('vendor_job') < %(small)s THEN (SELECT count(*) FROM vendor_job) END)
) AS t (name, counted)
JOIN pg_class c ON c.oid = to_regclass(t.name) LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
ORDER BY pg_total_relation_size(c.oid) DESC, c.relname

-- name: passes: How far retention has come.
SELECT name, place IS NOT NULL AS under_way, began_at, ended_at, seconds, removed FROM retention ORDER BY name

-- name: requests: How many requests retention would remove, with how many items, of a share of the table.
SELECT count(*) AS requests, coalesce(sum(total), 0)::bigint AS items
FROM request TABLESAMPLE SYSTEM (%(percent)s)
WHERE finished_at < now() - %(age)s::interval OR (finished_at IS NOT NULL AND id <= %(beyond)s::uuid)

-- name: enrichments: How many enrichments and results it would remove when those requests are gone.
WITH e AS MATERIALIZED (
    SELECT id, state, settled_at, key FROM enrichment TABLESAMPLE SYSTEM (%(percent)s)
), named AS MATERIALIZED (
    SELECT DISTINCT i.enrichment_id, i.cycle
    FROM e JOIN request_item i ON i.enrichment_id = e.id JOIN request r ON r.id = i.request_id
    WHERE (r.finished_at < now() - %(requests_age)s::interval
           OR (r.finished_at IS NOT NULL AND r.id <= %(requests_beyond)s::uuid)) IS NOT TRUE
), gone AS MATERIALIZED (
    SELECT e.id FROM e
    WHERE e.state NOT IN ('pending', 'packed')
      AND (e.settled_at < now() - %(enrichments_age)s::interval OR e.settled_at <= %(enrichments_beyond)s::timestamptz
           OR e.key LIKE ' %%'
           OR NOT EXISTS (SELECT FROM result t WHERE t.enrichment_id = e.id))
      AND NOT EXISTS (SELECT FROM named n WHERE n.enrichment_id = e.id)
), ranked AS (
    SELECT t.enrichment_id, t.cycle, t.outcome, t.fetched_at,
           row_number() OVER (PARTITION BY t.enrichment_id ORDER BY t.cycle DESC) AS nth,
           row_number() OVER (PARTITION BY t.enrichment_id, t.outcome = 'fulfilled' ORDER BY t.cycle DESC) AS nth_alike
    FROM e JOIN result t ON t.enrichment_id = e.id
)
SELECT (SELECT count(*) FROM gone) AS enrichments, count(*) AS results
FROM ranked r
WHERE r.enrichment_id IN (SELECT id FROM gone)
   OR (r.nth > 1 AND NOT (r.outcome = 'fulfilled' AND r.nth_alike = 1)
       AND (r.nth > %(results_count)s::integer OR r.fetched_at < now() - %(results_age)s::interval)
       AND NOT EXISTS (SELECT FROM named n WHERE n.enrichment_id = r.enrichment_id AND n.cycle = r.cycle))

-- name: jobs: How many jobs it would remove now; more, when their results are gone.
SELECT count(*) AS count FROM job j TABLESAMPLE SYSTEM (%(percent)s)
WHERE (j.ended_at < now() - %(age)s::interval OR (j.ended_at IS NOT NULL AND j.id <= %(beyond)s::uuid))
  AND coalesce(j.given_up_at, '-infinity') < now() - interval '7 days'
  AND NOT EXISTS (SELECT FROM result t WHERE t.job_id = j.id)
  AND NOT EXISTS (SELECT FROM vendor_job v WHERE v.job_id = j.id AND v.last_seen_at > now() - interval '1 day')

-- name: events: How many events.
SELECT count(*) AS count FROM job_event e TABLESAMPLE SYSTEM (%(percent)s) JOIN job j ON j.id = e.job_id
WHERE j.ended_at IS NOT NULL AND (e.at < now() - %(age)s::interval OR e.id <= %(beyond)s::bigint)

-- name: strays: How many envelopes that settled nothing.
SELECT count(*) AS count FROM stray TABLESAMPLE SYSTEM (%(percent)s)
WHERE kept_at < now() - %(age)s::interval OR id <= %(beyond)s::bigint

-- name: vendor_jobs: How many of others' jobs.
SELECT count(*) AS count FROM vendor_job v TABLESAMPLE SYSTEM (%(percent)s) JOIN account a ON a.id = v.account_id
WHERE (v.whose IN ('foreign', 'empty') OR (v.whose = 'open' AND a.removed_at IS NOT NULL))
  AND (v.last_seen_at < now() - %(age)s::interval OR v.last_seen_at <= %(beyond)s::timestamptz)
  AND v.last_seen_at < now() - interval '1 day'
  AND v.first_seen_at < coalesce((SELECT min(j.submitting_at) FROM job j
                                  WHERE j.account_id = v.account_id AND j.state = 'submitting'), 'infinity')

-- name: notices: How many notices it would remove.
SELECT count(*) AS notices FROM notice TABLESAMPLE SYSTEM (%(percent)s)
WHERE ended_at IS NOT NULL AND (ended_at < now() - %(age)s::interval OR position <= %(beyond)s::bigint)

-- name: actions: How many actions of operators, with what they have touched.
SELECT count(*) AS actions FROM operator_action TABLESAMPLE SYSTEM (%(percent)s)
WHERE at < now() - %(age)s::interval OR id <= %(beyond)s::bigint

-- name: stats: How many counts of days.
SELECT count(*) AS counts FROM day_counter TABLESAMPLE SYSTEM (%(percent)s) WHERE at < now() - %(age)s::interval
