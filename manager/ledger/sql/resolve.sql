-- name: unresolved_job: The submission to resolve, with the time since it began. No row: it is resolved.
SELECT job.id, job.account_id, job.identifier_count, job.attempts, job.slot, job.looks, job.failures, job.submitting_at,
       job.webhook_at, lane.id AS lane_id, lane.identifier_type,
       extract(epoch FROM clock_timestamp() - job.submitting_at)::float AS age
FROM job JOIN lane ON lane.id = job.lane_id
WHERE job.id = %(job_id)s AND job.state = 'submitting' AND job.due_at <= now()

-- name: job: The job, whatever its state, with the time since its submission began.
SELECT job.id, job.state, job.identifier_count, job.attempts, job.slot, job.submitting_at,
       job.webhook_at, lane.identifier_type,
       extract(epoch FROM clock_timestamp() - job.submitting_at)::float AS age
FROM job JOIN lane ON lane.id = job.lane_id
WHERE job.id = %(job_id)s AND job.account_id = %(account_id)s

-- name: known_batches: Which of the vendor's jobs are in the ledger already.
SELECT batch_id FROM job WHERE batch_id = ANY(%(batch_ids)s)

-- name: keys: The keys of the job's enrichments among the given ones.
SELECT count(*) AS count FROM enrichment WHERE job_id = %(job_id)s AND key = ANY(%(keys)s)

-- name: not_looked: The vendor did not answer; that was no look.
UPDATE job SET failures = least(failures + 1, 32767), why = %(why)s, due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND state = 'submitting' AND attempts = %(attempts)s

-- name: looked: One more look that settled nothing.
UPDATE job SET looks = least(looks + 1, 32767), failures = 0, why = %(why)s, due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND state = 'submitting' AND attempts = %(attempts)s

-- name: submitting_sizes: The sizes of submissions under way or unresolved.
SELECT identifier_count FROM job WHERE account_id = %(account_id)s AND state = 'submitting'
