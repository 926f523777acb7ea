-- name: accounts: Every account of the ledger, as it stands.
SELECT a.id, a.name, a.paused_reason, a.paused_for, a.foreign_active,
       (SELECT count(*) FROM slot WHERE account_id = a.id) AS slots,
       extract(epoch FROM clock_timestamp() - a.swept_at)::float AS swept_ago,
       extract(epoch FROM clock_timestamp() - a.looked_at)::float AS looked_ago,
       extract(epoch FROM a.look_at - clock_timestamp())::float AS look_in,
       a.look_error, a.look_waits_for, a.look_failures
FROM account a WHERE a.removed_at IS NULL ORDER BY a.name

-- name: identifiers: How many identifiers of the account's requests have which outcome, or none yet.
-- From counters: as cheap after years as on the first day.
SELECT coalesce(sum(amount) FILTER (WHERE name = 'open_requests'), 0)::bigint AS open_requests,
       coalesce(sum(CASE name WHEN 'total' THEN amount ELSE -amount END) FILTER (
           WHERE name IN ('total', 'fulfilled', 'not_found', 'failed', 'cancelled')), 0)::bigint AS waiting,
       coalesce(sum(amount) FILTER (WHERE name = 'fulfilled'), 0)::bigint AS fulfilled,
       coalesce(sum(amount) FILTER (WHERE name = 'not_found'), 0)::bigint AS not_found,
       coalesce(sum(amount) FILTER (WHERE name = 'failed'), 0)::bigint AS failed,
       coalesce(sum(amount) FILTER (WHERE name = 'cancelled'), 0)::bigint AS cancelled
FROM account_counter WHERE account_id = %(account_id)s

-- name: jobs_by_state: How many jobs are in which state, and how many identifiers they hold; of those that
-- have ended the counters tell, without the identifiers.
SELECT state, count(*) AS count, sum(identifier_count)::bigint AS identifiers
FROM job WHERE account_id = %(account_id)s AND ended_at IS NULL GROUP BY state
UNION ALL
SELECT substr(name, 6), sum(amount)::bigint, 0 FROM account_counter
WHERE account_id = %(account_id)s AND name LIKE 'jobs %%' GROUP BY name HAVING sum(amount) <> 0

-- name: settled_last_minute: How many identifiers were settled in the last minute.
SELECT coalesce(sum(identifier_count), 0)::bigint AS settled FROM job
WHERE account_id = %(account_id)s AND ended_at > now() - interval '1 minute' AND state = 'merged'

-- name: unmerged: How many jobs' results wait longer than `patience`, while none is being merged (a
-- merge holds its job's advisory lock) and none was merged lately.
SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(due_at)), 0)::float AS seconds
FROM job
WHERE account_id = %(account_id)s AND state IN ('completed', 'stopped') AND due_at < now() - %(patience)s::interval
  AND waits_for IS NULL
  AND NOT EXISTS (SELECT FROM job m WHERE m.account_id = %(account_id)s AND m.state = 'merged'
                  AND m.ended_at > now() - %(patience)s::interval)
  AND NOT EXISTS (
      SELECT FROM pg_locks k, job m
      WHERE k.locktype = 'advisory' AND k.objsubid = 1
        AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND m.account_id = %(account_id)s AND m.state IN ('completed', 'stopped')
        AND (k.classid::bigint << 32) | k.objid::bigint
            = hashtextextended(current_schema() || m.id::text, 0))

-- name: troubled_jobs: What goes wrong with jobs that are still tried, kind by kind. To be put back, by the
-- vendor's limits or by a pause, is no trouble of a job's.
SELECT kind, count(*) AS count, (array_agg(id ORDER BY failures DESC, id))[1] AS id,
       (array_agg(said ORDER BY failures DESC, id))[1] AS error, max(failures)::integer AS failures,
       max(extract(epoch FROM clock_timestamp() - since))::float AS seconds, min(due_at) AS next_try
FROM (
    SELECT j.id, j.failures, j.due_at,
           CASE WHEN j.state = 'packed' THEN 'submission' WHEN j.state = 'submitting' THEN 'unresolved'
                WHEN j.state IN ('pending', 'processing') THEN 'poll' ELSE 'results' END AS kind,
           CASE WHEN j.state = 'submitting' THEN j.why ELSE j.error END AS said,
           coalesce(j.completed_at, j.unresolved_at, j.accepted_at, j.created_at) AS since
    FROM job j JOIN lane l ON l.id = j.lane_id
    LEFT JOIN endpoint_pause p ON p.account_id = j.account_id AND p.endpoint = l.endpoint
    WHERE j.account_id = %(account_id)s
      AND j.state IN ('completed', 'packed', 'pending', 'processing', 'stopped', 'submitting')
      AND CASE WHEN j.state = 'packed'
               THEN j.error IS NOT NULL AND j.failures > 0 AND p.endpoint IS NULL AND NOT %(paused)s
               WHEN j.state = 'submitting' THEN j.unresolved_at IS NOT NULL
               ELSE j.error IS NOT NULL END
) troubled
GROUP BY kind ORDER BY kind

-- name: overdue_jobs: Jobs at the vendor for far longer than those like them took, as the vendor said last: while it
-- is not asked, or does not answer, nobody knows.
SELECT j.id, extract(epoch FROM clock_timestamp() - j.accepted_at)::float AS age, past.longest, j.vendor_status
FROM job j JOIN account a ON a.id = j.account_id LEFT JOIN LATERAL (
    SELECT max(extract(epoch FROM last.completed_at - last.accepted_at))::float AS longest
    FROM (SELECT accepted_at, completed_at FROM job d
          WHERE d.lane_id = j.lane_id AND d.completed_at IS NOT NULL AND d.state <> 'failed'
            AND d.identifier_count BETWEEN j.identifier_count / 2 AND j.identifier_count * 2
          ORDER BY d.completed_at DESC LIMIT 20) last
) past ON true
WHERE j.account_id = %(account_id)s AND j.state IN ('pending', 'processing')
  AND extract(epoch FROM a.looked_at - j.accepted_at)
      > greatest(%(least)s, %(factor)s * coalesce(past.longest, %(unknown)s))
ORDER BY j.accepted_at

-- name: waiting_jobs: How many jobs are packed and due.
SELECT count(*) AS count FROM job j JOIN lane l ON l.id = j.lane_id
WHERE j.account_id = %(account_id)s AND j.state = 'packed' AND j.due_at <= now() AND l.paused_at IS NULL

-- name: failures: What has failed since then, cause by cause, the latest first; of the last 50 jobs. Numbers in a
-- cause differ from job to job. A job that was halved has failed nothing; what an operator gave up is known.
WITH ended AS (
    SELECT id, state, why, identifier_count, ended_at,
           left(regexp_replace(why, '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+', '#', 'g'), 100) AS cause
    FROM job
    WHERE account_id = %(account_id)s AND ended_at > %(since)s AND given_up_at IS NULL
      AND (state IN ('expired', 'failed', 'rejected') OR (state = 'merged' AND why LIKE '%%; %%'))
    ORDER BY ended_at DESC LIMIT 50
)
SELECT count(*) FILTER (WHERE e.state <> 'merged') AS jobs, coalesce(sum(f.count), 0)::bigint AS identifiers,
       bool_or(f.count > 1000) AS more, (array_agg(e.why ORDER BY e.ended_at DESC))[1] AS why,
       (array_agg(e.id ORDER BY e.ended_at DESC))[1] AS id, max(e.ended_at) AS last
FROM ended e CROSS JOIN LATERAL (
    SELECT count(*) AS count FROM (
        SELECT FROM result r WHERE r.job_id = e.id AND r.outcome = 'failed' LIMIT 1001) failed
) f
WHERE f.count > 0 OR e.state IN ('expired', 'failed')
GROUP BY e.cause ORDER BY last DESC

-- name: few_found: Of the last jobs that were merged since then: those that found less than half of what
-- they asked for, and what the 20 before them of their lane found. One that was given up and delivered
-- later was not seen to complete.
SELECT j.id, j.identifier_count AS asked, j.found, l.endpoint, l.identifier_type, j.ended_at,
       coalesce(usual.asked, 0)::bigint AS usually_asked, coalesce(usual.found, 0)::bigint AS usually_found
FROM (
    SELECT id, lane_id, identifier_count, ended_at, completed_at,
           least(coalesce(result_count, entities_fulfilled, 0), identifier_count) AS found
    FROM job
    WHERE account_id = %(account_id)s AND ended_at > %(since)s AND state = 'merged'
      AND identifier_count >= %(least)s AND vendor_status IS DISTINCT FROM 'failed'
      AND why NOT LIKE 'the vendor ended%%'
      AND least(coalesce(result_count, entities_fulfilled, 0), identifier_count) * 2 < identifier_count
    ORDER BY ended_at DESC LIMIT 20
) j JOIN lane l ON l.id = j.lane_id
CROSS JOIN LATERAL (
    SELECT sum(identifier_count) AS asked,
           sum(least(coalesce(result_count, entities_fulfilled, 0), identifier_count)) AS found
    FROM (
        SELECT identifier_count, result_count, entities_fulfilled FROM job d
        WHERE d.lane_id = j.lane_id AND d.completed_at < coalesce(j.completed_at, j.ended_at) AND d.state = 'merged'
        ORDER BY d.completed_at DESC LIMIT 20
    ) before
) usual
ORDER BY j.ended_at DESC

-- name: now: The ledger's clock.
SELECT clock_timestamp() AS now

-- name: paused_lanes: The account's lanes that are paused.
SELECT id, endpoint, identifier_type, paused_reason AS reason FROM lane
WHERE account_id = %(account_id)s AND paused_at IS NOT NULL ORDER BY id
