-- name: jobs: The jobs of a trace: when they began and ended, and what they are.
SELECT j.id, j.state, j.created_at, j.ended_at, j.identifier_count, j.batch_id, j.attempts, a.name AS account,
       l.endpoint, l.identifier_type
FROM job j JOIN account a ON a.id = j.account_id JOIN lane l ON l.id = j.lane_id
WHERE j.id = ANY (%(ids)s)

-- name: served_by: Requests that a job serves, the first `limit` that are met among a thousand of its enrichments.
SELECT r.id, r.traceparent FROM request r
WHERE r.id = ANY (ARRAY(
    SELECT DISTINCT i.request_id FROM (
        (SELECT id, cycle FROM enrichment WHERE job_id = %(job_id)s LIMIT 1000)
        UNION ALL
        (SELECT enrichment_id, cycle FROM result WHERE job_id = %(job_id)s LIMIT 1000)
    ) e JOIN request_item i ON i.enrichment_id = e.id AND i.cycle = e.cycle
    LIMIT %(limit)s))

-- name: requests: The requests of a trace: when they began and ended, and what became of them.
SELECT r.id, r.traceparent, r.created_at, r.finished_at, r.total, r.fulfilled, r.not_found, r.failed, r.cancelled,
       a.name AS account, l.endpoint, l.identifier_type
FROM request r JOIN account a ON a.id = r.account_id JOIN lane l ON l.id = r.lane_id
WHERE r.id = ANY (%(ids)s)
