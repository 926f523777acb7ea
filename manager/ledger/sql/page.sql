-- name: last_jobs: The account's newest jobs.
SELECT j.id, l.endpoint, l.identifier_type, l.fields, j.state, j.slot, j.identifier_count, j.result_count,
       j.created_at, j.why, j.error, j.waits_for
FROM job j JOIN lane l ON l.id = j.lane_id
WHERE j.account_id = (SELECT id FROM account WHERE name = %(account)s) ORDER BY j.id DESC LIMIT 20

-- name: last_requests: The account's newest requests: those of each lane, and of these the newest.
SELECT r.id, l.endpoint, l.identifier_type, l.fields, r.total, r.fulfilled, r.not_found, r.failed,
       r.cancelled, r.created_at
FROM account a JOIN lane l ON l.account_id = a.id
CROSS JOIN LATERAL (SELECT * FROM request WHERE lane_id = l.id ORDER BY id DESC LIMIT 20) r
WHERE a.name = %(account)s ORDER BY r.id DESC LIMIT 20
