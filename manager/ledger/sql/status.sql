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

-- name: troubled_jobs: What went wrong last with jobs that are still tried.
SELECT state, count(*) AS count,
       (array_agg(CASE state WHEN 'submitting' THEN why ELSE error END ORDER BY id DESC))[1] AS error
FROM job WHERE account_id = %(account_id)s AND ended_at IS NULL AND error IS NOT NULL
GROUP BY state ORDER BY state

-- name: overdue_jobs: Jobs at the vendor for far longer than those like them took.
SELECT j.id, extract(epoch FROM clock_timestamp() - j.accepted_at)::float AS age, past.longest, j.vendor_status
FROM job j LEFT JOIN LATERAL (
    SELECT max(extract(epoch FROM last.completed_at - last.accepted_at))::float AS longest
    FROM (SELECT accepted_at, completed_at FROM job d
          WHERE d.lane_id = j.lane_id AND d.completed_at IS NOT NULL AND d.state <> 'failed'
            AND d.identifier_count BETWEEN j.identifier_count / 2 AND j.identifier_count * 2
          ORDER BY d.completed_at DESC LIMIT 20) last
) past ON true
WHERE j.account_id = %(account_id)s AND j.state IN ('pending', 'processing')
  AND extract(epoch FROM clock_timestamp() - j.accepted_at)
      > greatest(%(least)s, %(factor)s * coalesce(past.longest, %(unknown)s))
ORDER BY j.accepted_at

-- name: waiting_jobs: How many jobs are packed and due.
SELECT count(*) AS count FROM job
WHERE account_id = %(account_id)s AND state = 'packed' AND due_at <= now()
