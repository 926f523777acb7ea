-- name: identifiers: How many identifiers of the account's requests have which outcome, or none yet.
-- From the requests' counters: cheap however many identifiers there are.
SELECT count(*) FILTER (WHERE r.finished_at IS NULL) AS open_requests,
       coalesce(sum(r.total - r.fulfilled - r.not_found - r.failed - r.cancelled), 0) AS waiting,
       coalesce(sum(r.fulfilled), 0) AS fulfilled, coalesce(sum(r.not_found), 0) AS not_found,
       coalesce(sum(r.failed), 0) AS failed, coalesce(sum(r.cancelled), 0) AS cancelled
FROM request r JOIN lane l ON l.id = r.lane_id
WHERE l.account_id = %(account_id)s

-- name: jobs_by_state: How many jobs are in which state, and how many identifiers they hold.
SELECT state, count(*) AS count, sum(identifier_count)::bigint AS identifiers
FROM job WHERE account_id = %(account_id)s GROUP BY state

-- name: pulse: Seconds since the last sweep, and the identifiers settled in the last minute.
SELECT extract(epoch FROM clock_timestamp() - a.swept_at)::float AS swept_ago,
       (SELECT coalesce(sum(identifier_count), 0) FROM job
        WHERE account_id = a.id AND ended_at > now() - interval '1 minute' AND state = 'merged')
       AS settled_last_minute
FROM account a WHERE a.id = %(account_id)s

-- name: unmerged: How many jobs' results wait longer than `patience`, while none is being merged (a
-- merge holds its job's advisory lock) and none was merged lately.
SELECT count(*) AS count, extract(epoch FROM now() - min(due_at))::float AS seconds
FROM job
WHERE account_id = %(account_id)s AND state = 'completed' AND due_at < now() - %(patience)s::interval
  AND NOT EXISTS (SELECT FROM job m WHERE m.account_id = %(account_id)s AND m.state = 'merged'
                  AND m.ended_at > now() - %(patience)s::interval)
  AND NOT EXISTS (
      SELECT FROM pg_locks k, job m
      WHERE k.locktype = 'advisory' AND k.objsubid = 1
        AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND m.account_id = %(account_id)s AND m.state = 'completed'
        AND (k.classid::bigint << 32) | k.objid::bigint
            = hashtextextended(current_schema() || m.id::text, 0))

-- name: troubled_jobs: What went wrong last with jobs that are still tried.
SELECT state, count(*) AS count,
       (array_agg(CASE state WHEN 'submitting' THEN why ELSE error END ORDER BY id DESC))[1] AS error
FROM job WHERE account_id = %(account_id)s AND ended_at IS NULL AND error IS NOT NULL
GROUP BY state ORDER BY state

-- name: slots: Every slot with the job that holds it.
SELECT s.number AS slot, j.id AS job_id, j.state, j.batch_id, j.identifier_count,
       j.submitting_at AS held_since
FROM slot s LEFT JOIN job j
  ON j.account_id = s.account_id AND j.slot = s.number
     AND j.state IN ('submitting', 'pending', 'processing')
WHERE s.account_id = %(account_id)s ORDER BY s.number

-- name: history: What happened to a job.
SELECT at, from_state, to_state, why, by FROM job_event WHERE job_id = %(job_id)s ORDER BY id

-- name: strays: The envelopes of a job that settled nothing.
SELECT count(*) AS count FROM stray WHERE job_id = %(job_id)s

-- name: pause: Nothing new is submitted until `resume`.
UPDATE account SET paused_reason = %(reason)s, paused_at = now() WHERE id = %(account_id)s

-- name: last_jobs: The newest jobs.
SELECT j.id, l.identifier_type, l.fields, j.state, j.slot, j.identifier_count, j.result_count,
       j.created_at, j.ended_at, j.why, j.error
FROM job j JOIN lane l ON l.id = j.lane_id
WHERE j.account_id = %(account_id)s ORDER BY j.id DESC LIMIT 20

-- name: last_requests: The newest requests.
SELECT r.id, l.identifier_type, l.fields, r.priority, r.total, r.fulfilled, r.not_found, r.failed,
       r.cancelled, r.created_at, r.finished_at
FROM request r JOIN lane l ON l.id = r.lane_id
WHERE l.account_id = %(account_id)s ORDER BY r.id DESC LIMIT 20
