-- name: jobs: Jobs by their ids, or by the vendor's.
SELECT c.id::text AS id, c.account, c.endpoint, c.state, c.identifier_count, c.batch_id, c.created_at, c.ended_at
FROM chosen_jobs c ORDER BY c.id DESC LIMIT %(limit)s

-- name: jobs_of_batches: The jobs that the vendor calls so.
SELECT id FROM job
WHERE account_id = ANY (ARRAY(SELECT id FROM account)) AND batch_id = ANY (%(batch_ids)s::text[])

-- name: requests: Requests by their ids, or by what callers have kept with them.
SELECT c.id::text AS id, c.account, c.endpoint, c.total, c.fulfilled, c.not_found, c.failed, c.cancelled,
       c.created_at, c.finished_at
FROM chosen_requests c ORDER BY c.id DESC LIMIT %(limit)s

-- name: requests_of_key: The requests that have this idempotency key, each on an account of its own.
SELECT id FROM request
WHERE account_id = ANY (ARRAY(SELECT id FROM account)) AND account_key = %(word)s::text

-- name: requests_keeping: The newest requests in whose metadata the value stands.
SELECT id FROM request WHERE id = ANY (ARRAY(
    SELECT id FROM request WHERE metadata @@ %(path)s::jsonpath)) ORDER BY id DESC LIMIT %(limit)s

-- name: requests_tagged: The newest requests with this tag.
SELECT id FROM request WHERE tag = %(word)s::text ORDER BY id DESC LIMIT %(limit)s

-- name: vendor_jobs: Jobs on the vendor's list by their ids.
SELECT c.batch_id AS id, c.account, c.whose, c.job_id, c.status, c.identifier_count, c.began_at
FROM chosen_vendor_jobs c ORDER BY c.began_at DESC LIMIT %(limit)s

-- name: accounts: The account of that name.
SELECT name FROM account WHERE name = %(word)s
