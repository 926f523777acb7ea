-- name: enrichments: How many enrichments are in which state.
SELECT e.state, count(*) AS count FROM enrichment e JOIN lane l ON l.id = e.lane_id
WHERE l.account_id = %(account_id)s GROUP BY e.state

-- name: jobs_by_state: How many jobs are in which state.
SELECT state, count(*) AS count FROM job WHERE account_id = %(account_id)s GROUP BY state

-- name: open_requests: How many requests are not finished.
SELECT count(*) AS count FROM request WHERE finished_at IS NULL

-- name: pulse: Seconds since the last sweep, and the identifiers settled in the last minute.
SELECT extract(epoch FROM clock_timestamp() - a.swept_at)::float AS swept_ago,
       a.paused_at,
       (SELECT coalesce(sum(identifier_count), 0) FROM job
        WHERE account_id = a.id AND ended_at > now() - interval '1 minute' AND state = 'merged')
       AS settled_last_minute
FROM account a WHERE a.id = %(account_id)s

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
SELECT j.id AS job, l.identifier_type AS type, j.state, j.slot, j.identifier_count AS identifiers,
       j.result_count AS results, j.created_at, j.why
FROM job j JOIN lane l ON l.id = j.lane_id
WHERE j.account_id = %(account_id)s ORDER BY j.id DESC LIMIT 20

-- name: last_requests: The newest requests.
SELECT r.id AS request, l.identifier_type AS type, r.priority, r.total, r.fulfilled, r.not_found,
       r.failed, r.cancelled, r.created_at, r.finished_at
FROM request r JOIN lane l ON l.id = r.lane_id ORDER BY r.id DESC LIMIT 20
