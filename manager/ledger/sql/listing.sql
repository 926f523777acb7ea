-- name: jobs: What is shown of each job.
SELECT c.id AS job_id, c.account, c.endpoint, c.identifier_type AS type, c.fields, c.lane_id AS lane, c.state,
       c.slot, c.batch_id, c.identifier_count, c.result_count, c.attempts, c.created_at, c.ended_at, c.why,
       c.waits_for, c.error
FROM sorted_jobs c

-- name: jobs_newest: A page of jobs, those packed last first.
(SELECT * FROM chosen_jobs c WHERE %(after_id)s::uuid IS NULL OR c.id < %(after_id)s::uuid
 ORDER BY c.id DESC LIMIT %(limit)s::integer)

-- name: jobs_oldest: A page of jobs, those packed first first.
(SELECT * FROM chosen_jobs c WHERE %(after_id)s::uuid IS NULL OR c.id > %(after_id)s::uuid
 ORDER BY c.id LIMIT %(limit)s::integer)

-- name: jobs_ended: A page of jobs: those that go on, then those that ended last.
(SELECT * FROM chosen_jobs c
 WHERE %(after_id)s::uuid IS NULL
    OR (coalesce(c.ended_at, 'infinity'), c.id) < (%(after)s::timestamptz, %(after_id)s::uuid)
 ORDER BY coalesce(c.ended_at, 'infinity') DESC, c.id DESC LIMIT %(limit)s::integer)

-- name: requests: What is shown of each request.
SELECT r.id AS request_id, r.account, r.endpoint, r.identifier_type AS type, r.fields, r.lane_id AS lane,
       r.priority, r.total, r.fulfilled, r.not_found, r.failed, r.cancelled, r.account_key AS idempotency_key,
       r.tag, r.metadata, r.created_at, r.finished_at, r.cancelled_at,
       (SELECT told FROM waiting_for w) AS waits_for
FROM sorted_requests r

-- name: requests_open: A page of requests: those that are open, then the others, the newest first.
(SELECT * FROM (
    (SELECT * FROM chosen_requests c
     WHERE c.finished_at IS NULL AND %(after)s::boolean IS NOT TRUE
       AND (%(after_id)s::uuid IS NULL OR c.id < %(after_id)s::uuid)
     ORDER BY c.id DESC LIMIT %(limit)s::integer)
    UNION ALL
    (SELECT * FROM chosen_requests c
     WHERE c.finished_at IS NOT NULL
       AND (%(after)s::boolean IS NOT TRUE OR c.id < %(after_id)s::uuid)
     ORDER BY c.id DESC LIMIT %(limit)s::integer)
 ) both_kinds ORDER BY finished_at IS NOT NULL, id DESC LIMIT %(limit)s::integer)

-- name: requests_newest: A page of requests, those made last first.
(SELECT * FROM chosen_requests c WHERE %(after_id)s::uuid IS NULL OR c.id < %(after_id)s::uuid
 ORDER BY c.id DESC LIMIT %(limit)s::integer)

-- name: requests_oldest: A page of requests, those made first first.
(SELECT * FROM chosen_requests c WHERE %(after_id)s::uuid IS NULL OR c.id > %(after_id)s::uuid
 ORDER BY c.id LIMIT %(limit)s::integer)

-- name: enrichments: What is shown of each enrichment; the job is the one that it is in, or that its cycle ended in.
SELECT c.id AS enrichment_id, c.account, c.endpoint, c.identifier_type AS type, c.fields, c.lane_id AS lane,
       c.identifier, c.state, c.cycle, c.attempts, c.priority, c.due_at, c.settled_at,
       coalesce(c.job_id, (SELECT job_id FROM result r WHERE r.enrichment_id = c.id AND r.cycle = c.cycle)) AS job_id,
       c.reason
FROM sorted_enrichments c

-- name: enrichments_newest: A page of enrichments, those first asked for last first.
(SELECT * FROM chosen_enrichments c WHERE %(after_id)s::bigint IS NULL OR c.id < %(after_id)s::bigint
 ORDER BY c.id DESC LIMIT %(limit)s::integer)

-- name: enrichments_oldest: A page of enrichments, those first asked for first first.
(SELECT * FROM chosen_enrichments c WHERE %(after_id)s::bigint IS NULL OR c.id > %(after_id)s::bigint
 ORDER BY c.id LIMIT %(limit)s::integer)

-- name: enrichments_settled: A page of enrichments that are settled, the last first.
(SELECT * FROM chosen_enrichments c
 WHERE c.settled_at IS NOT NULL
   AND (%(after_id)s::bigint IS NULL OR (c.settled_at, c.id) < (%(after)s::timestamptz, %(after_id)s::bigint))
 ORDER BY c.settled_at DESC, c.id DESC LIMIT %(limit)s::integer)

-- name: vendor_jobs: What is shown of each job on the vendor's list.
SELECT c.account, c.batch_id, c.whose, c.job_id, c.entity, c.action, c.status, c.stage, c.identifier_count,
       c.result_count, c.entities_fulfilled, c.created_at, c.completed_at, c.first_seen_at, c.last_seen_at, c.judged_at,
       c.judged_why AS why, c.began_at
FROM sorted_vendor_jobs c

-- name: vendor_jobs_newest: A page of the vendor's jobs, those that began last first.
(SELECT * FROM chosen_vendor_jobs c
 WHERE %(after_id)s::text IS NULL
    OR (c.began_at, c.batch_id) < (%(after)s::timestamptz, %(after_id)s::text)
 ORDER BY c.began_at DESC, c.batch_id DESC LIMIT %(limit)s::integer)

-- name: vendor_jobs_oldest: A page of the vendor's jobs, those that began first first.
(SELECT * FROM chosen_vendor_jobs c
 WHERE %(after_id)s::text IS NULL
    OR (c.began_at, c.batch_id) > (%(after)s::timestamptz, %(after_id)s::text)
 ORDER BY c.began_at, c.batch_id LIMIT %(limit)s::integer)

-- name: strays: What is shown of each stray.
SELECT c.id AS stray_id, c.account, c.endpoint, c.identifier_type AS type, c.job_id, c.batch_id, c.line,
       octet_length(c.envelope) AS bytes, c.kept_at, c.reason
FROM sorted_strays c

-- name: strays_newest: A page of strays, those kept last first.
(SELECT * FROM chosen_strays c WHERE %(after_id)s::bigint IS NULL OR c.id < %(after_id)s::bigint
 ORDER BY c.id DESC LIMIT %(limit)s::integer)

-- name: strays_oldest: A page of strays, those kept first first.
(SELECT * FROM chosen_strays c WHERE %(after_id)s::bigint IS NULL OR c.id > %(after_id)s::bigint
 ORDER BY c.id LIMIT %(limit)s::integer)

-- name: lanes: What is shown of each lane: how many enrichments wait to be packed, since when the first in line
-- is due, what is in its live jobs, and why nothing of it is submitted.
SELECT c.id AS lane_id, c.account, c.endpoint, c.identifier_type AS type, c.fields, c.waiting,
       (SELECT due_at FROM enrichment e WHERE e.lane_id = c.id AND e.state = 'pending' ORDER BY rank LIMIT 1)
           AS oldest_at,
       coalesce(live.jobs, 0) AS jobs, coalesce(live.identifiers, 0) AS in_jobs, c.created_at,
       CASE WHEN c.paused_at IS NOT NULL THEN 'lane' WHEN p.paused_at IS NOT NULL THEN 'endpoint'
            WHEN a.paused_at IS NOT NULL THEN 'account' END AS paused,
       coalesce(c.paused_reason, p.reason, a.paused_reason) AS reason,
       (SELECT 'the budget ' || b.name || ', until '
               || to_char(b.blocked_until AT TIME ZONE b.timezone, 'YYYY-MM-DD HH24:MI ') || b.timezone
        FROM budget b
        WHERE c.waiting > 0 AND b.blocked_until > clock_timestamp()
          AND (b.account_id IS NULL OR b.account_id = c.account_id)
          AND (b.tag IS NULL OR EXISTS (SELECT FROM held h WHERE h.lane_id = c.id AND h.tag = b.tag))
        ORDER BY b.blocked_until DESC LIMIT 1) AS waits_for
FROM sorted_lanes c JOIN account a ON a.id = c.account_id
LEFT JOIN endpoint_pause p ON p.account_id = c.account_id AND p.endpoint = c.endpoint
LEFT JOIN (SELECT lane_id, count(*) AS jobs, sum(identifier_count)::bigint AS identifiers
           FROM job WHERE ended_at IS NULL GROUP BY lane_id) live ON live.lane_id = c.id
ORDER BY c.place

-- name: lanes_waiting: A page of lanes, those first in which most waits.
(SELECT *, row_number() OVER (ORDER BY waiting DESC, id DESC) AS place
 FROM (SELECT c.*, (SELECT count(*) FROM enrichment e WHERE e.lane_id = c.id AND e.state = 'pending') AS waiting
       FROM chosen_lanes c) counted
 WHERE %(after_id)s::integer IS NULL OR (waiting, id) < (%(after)s::bigint, %(after_id)s::integer)
 ORDER BY waiting DESC, id DESC LIMIT %(limit)s::integer)

-- name: lanes_newest: A page of lanes, those made last first.
(SELECT c.*, (SELECT count(*) FROM enrichment e WHERE e.lane_id = c.id AND e.state = 'pending') AS waiting,
        row_number() OVER (ORDER BY c.id DESC) AS place
 FROM chosen_lanes c WHERE %(after_id)s::integer IS NULL OR c.id < %(after_id)s::integer
 ORDER BY c.id DESC LIMIT %(limit)s::integer)

-- name: patience: What follows in the transaction cannot write, and is broken off when it takes too long.
SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', %(patience)s, true)
