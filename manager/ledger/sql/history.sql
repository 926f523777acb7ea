-- name: job: What a job is.
SELECT j.state, j.identifier_count, a.name AS account, l.endpoint
FROM job j JOIN account a ON a.id = j.account_id JOIN lane l ON l.id = j.lane_id WHERE j.id = %(job_id)s

-- name: moves: How a job moved, the last first.
SELECT at, from_state, to_state, why, by FROM job_event WHERE job_id = %(job_id)s ORDER BY id DESC LIMIT %(limit)s

-- name: sightings: A job as it was seen on the vendor's list.
SELECT batch_id, status, whose, result_count, created_at, completed_at, first_seen_at, last_seen_at, judged_at,
       judged_why
FROM vendor_job WHERE job_id = %(job_id)s

-- name: request: A request as it was made, and how it ended.
SELECT a.name AS account, l.endpoint, r.priority, r.total, r.fulfilled, r.not_found, r.failed, r.cancelled,
       r.account_key AS idempotency_key, r.tag, r.created_at, r.finished_at, r.cancelled_at
FROM request r JOIN lane l ON l.id = r.lane_id JOIN account a ON a.id = l.account_id
WHERE r.id = %(request_id)s

-- name: jobs_of_request: The jobs that a request's identifiers are in, or have their results from; the newest first.
SELECT j.id AS job_id, j.state, j.batch_id, j.created_at, j.ended_at, j.why, held.items, held.fulfilled,
       held.not_found, held.failed
FROM (SELECT coalesce(r.job_id, CASE WHEN e.cycle = i.cycle THEN e.job_id END) AS job_id, count(*) AS items,
             count(*) FILTER (WHERE r.outcome = 'fulfilled') AS fulfilled,
             count(*) FILTER (WHERE r.outcome = 'not_found') AS not_found,
             count(*) FILTER (WHERE r.outcome = 'failed') AS failed
      FROM request_item i JOIN enrichment e ON e.id = i.enrichment_id
      LEFT JOIN result r ON r.enrichment_id = i.enrichment_id AND r.cycle = i.cycle
      WHERE i.request_id = %(request_id)s GROUP BY 1) held
JOIN job j ON j.id = held.job_id ORDER BY j.id DESC LIMIT %(limit)s

-- name: key: By what an enrichment is known.
SELECT e.key, e.identifier, e.lane_id, l.identifier_type, a.name AS account, l.endpoint, l.fields
FROM enrichment e JOIN lane l ON l.id = e.lane_id JOIN account a ON a.id = l.account_id
WHERE e.id = %(enrichment_id)s

-- name: account: An account, and what keeps it from working.
SELECT created_at, paused_at, paused_reason, removed_at, swept_at, looked_at FROM account WHERE name = %(name)s

-- name: endpoint_pauses: What an account may not use.
SELECT p.endpoint, p.reason, p.paused_at
FROM endpoint_pause p JOIN account a ON a.id = p.account_id WHERE a.name = %(name)s

-- name: lane: A lane, and what keeps it from being packed.
SELECT a.name AS account, l.endpoint, l.identifier_type, l.fields, l.created_at, l.paused_at, l.paused_reason
FROM lane l JOIN account a ON a.id = l.account_id WHERE l.id = %(lane_id)s

-- name: last_jobs: The newest jobs that a filter chooses, with their ends.
SELECT c.id AS job_id, c.state, c.batch_id, c.identifier_count, c.result_count, c.created_at, c.ended_at,
       c.why
FROM chosen_jobs c ORDER BY c.id DESC LIMIT %(limit)s

-- name: last_requests: The newest requests that a filter chooses.
SELECT c.id AS request_id, c.total, c.created_at, c.finished_at
FROM chosen_requests c ORDER BY c.id DESC LIMIT %(limit)s
