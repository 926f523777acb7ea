-- name: job: All that is known of a job, but for secrets.
SELECT j.id AS job_id, a.name AS account, l.endpoint, l.identifier_type AS type, l.fields, j.lane_id AS lane,
       j.state, j.why, j.waits_for, j.error, j.due_at,
       j.slot, j.batch_id, j.vendor_status,
       j.identifier_count, j.result_count, j.entities_requested, j.entities_fulfilled,
       (SELECT count(*) FROM stray WHERE job_id = j.id) AS strays, j.price, j.capacity,
       j.created_at, j.submitting_at, j.accepted_at, j.processing_at, j.completed_at, j.ended_at,
       j.unresolved_at, j.webhook_at, j.listed_by, j.given_up_at, j.forgotten_at,
       j.attempts, j.failures, j.looks, j.unresolved_looks, j.bad_files
FROM job j JOIN account a ON a.id = j.account_id JOIN lane l ON l.id = j.lane_id WHERE j.id = %(id)s

-- name: request: All that is known of a request.
SELECT r.id AS request_id, a.name AS account, l.endpoint, l.identifier_type AS type, l.fields, r.lane_id AS lane,
       r.priority, r.max_age,
       r.account_key AS idempotency_key, r.tag, r.total, r.fulfilled, r.not_found, r.failed, r.cancelled,
       r.created_at, r.finished_at, r.cancelled_at, (SELECT told FROM waiting_for w) AS waits_for, r.metadata
FROM request r JOIN account a ON a.id = r.account_id JOIN lane l ON l.id = r.lane_id WHERE r.id = %(id)s

-- name: stray: A stray with its envelope.
SELECT s.id AS stray_id, a.name AS account, l.endpoint, l.identifier_type AS type, s.job_id, j.batch_id, s.line,
       s.kept_at, s.reason, s.envelope
FROM stray s JOIN job j ON j.id = s.job_id JOIN account a ON a.id = j.account_id JOIN lane l ON l.id = j.lane_id
WHERE s.id = %(id)s
