-- name: last_jobs: The account's newest jobs.
SELECT j.id, l.endpoint, l.identifier_type, l.fields, j.state, j.slot, j.identifier_count, j.result_count,
       j.created_at, j.why, j.error, j.waits_for
FROM job j JOIN lane l ON l.id = j.lane_id JOIN account a ON a.id = j.account_id
WHERE a.name = %(account)s ORDER BY j.id DESC LIMIT 20

-- name: last_requests: The account's newest requests.
SELECT r.id, l.endpoint, l.identifier_type, l.fields, r.total, r.fulfilled, r.not_found, r.failed,
       r.cancelled, r.created_at
FROM request r JOIN lane l ON l.id = r.lane_id JOIN account a ON a.id = l.account_id
WHERE a.name = %(account)s ORDER BY r.id DESC LIMIT 20
