-- name: due_job: The job with what its submission needs. No row: it is not due, or its account is paused.
SELECT job.id, job.account_id, job.identifier_count, job.attempts, job.failures,
       lane.id AS lane_id, lane.identifier_type, lane.fields
FROM job JOIN lane ON lane.id = job.lane_id JOIN account ON account.id = job.account_id
WHERE job.id = %(job_id)s AND job.state = 'packed' AND job.due_at <= now()
  AND account.paused_at IS NULL

-- name: identifiers: What the job submits.
SELECT identifier FROM enrichment WHERE job_id = %(job_id)s ORDER BY key

-- name: begin: Commits, before the call, that the job holds a slot and may from now on be at the vendor.
-- No row: somebody else moved the job. Violates job_one_per_slot if the slot is taken,
-- job_one_submission_per_size if an equally large job is being submitted.
UPDATE job SET
    state = 'submitting', why = %(why)s, slot = %(slot)s, attempts = attempts + 1, looks = 0,
    error = NULL, submitting_at = clock_timestamp(), webhook_at = NULL, token_hash = %(token_hash)s,
    due_at = clock_timestamp() + %(resolve_after)s::interval
WHERE id = %(job_id)s AND state = 'packed' AND attempts = %(attempts)s
RETURNING id

-- name: shed: Lets one enrichment of the job wait for another one, when an unresolved submission has
-- the job's size, which may take long: so the job has a size of its own and need not wait.
WITH stuck AS (
    SELECT mine.id FROM job mine JOIN job other USING (account_id, identifier_count)
    WHERE mine.id = %(job_id)s AND mine.state = 'packed' AND mine.identifier_count > 1
      AND other.state = 'submitting' AND (other.error IS NOT NULL OR other.looks > 0)
), last AS (
    SELECT e.id FROM enrichment e JOIN stuck ON e.job_id = stuck.id
    ORDER BY e.rank DESC, e.id LIMIT 1
    FOR UPDATE OF e SKIP LOCKED
), shed AS (
    UPDATE enrichment SET state = 'pending', job_id = NULL FROM last WHERE enrichment.id = last.id
    RETURNING enrichment.id
)
UPDATE job SET identifier_count = identifier_count - 1, why = %(why)s, due_at = clock_timestamp()
FROM shed WHERE job.id = %(job_id)s
RETURNING shed.id

-- name: accepted: The vendor has the job under this batch_id.
UPDATE job SET
    state = 'pending', why = %(why)s, batch_id = %(batch_id)s, accepted_at = clock_timestamp(),
    entities_requested = %(entities_requested)s, failures = 0, looks = 0, error = NULL,
    due_at = clock_timestamp() + %(poll_after)s::interval
WHERE id = %(job_id)s AND state = 'submitting' AND attempts = %(attempts)s
RETURNING id

-- name: put_back: The vendor certainly does not have the job; it waits for its next try.
UPDATE job SET
    state = 'packed', why = %(why)s, slot = NULL, error = %(error)s,
    failures = least(failures + %(failed)s::integer, 32767),
    due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND state = 'submitting' AND attempts = %(attempts)s
RETURNING id

-- name: unresolved: The vendor may or may not have the job; `resolve` finds out.
UPDATE job SET why = %(why)s, error = %(error)s, due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND state = 'submitting' AND attempts = %(attempts)s
RETURNING id

-- name: reject: The vendor refused the job for good.
UPDATE job SET state = 'rejected', why = %(why)s, slot = NULL, error = %(error)s, ended_at = clock_timestamp()
WHERE id = %(job_id)s AND state = 'submitting' AND attempts = %(attempts)s
RETURNING id

-- name: refusals: How many submissions the vendor has refused since it accepted one. After lock_account,
-- which lets one refusal be counted after the other.
SELECT count(*) AS count FROM job
WHERE account_id = %(account_id)s AND state = 'rejected'
  AND ended_at > coalesce((SELECT max(accepted_at) FROM job WHERE account_id = %(account_id)s), '-infinity')

-- name: wait: Not yet; the job stays packed.
UPDATE job SET due_at = clock_timestamp() + %(wait)s::interval, error = %(error)s
WHERE id = %(job_id)s AND state = 'packed'

-- name: split: Moves one half of a rejected job's enrichments into a new job, ready to be submitted.
WITH half AS (
    SELECT id FROM enrichment WHERE job_id = %(job_id)s ORDER BY key LIMIT %(size)s
), made AS (
    INSERT INTO job (id, account_id, lane_id, state, why, identifier_count)
    SELECT %(new_id)s, account_id, lane_id, 'packed', %(why)s, (SELECT count(*) FROM half)
    FROM job WHERE id = %(job_id)s
    RETURNING id
)
UPDATE enrichment SET job_id = made.id FROM half, made WHERE enrichment.id = half.id

-- name: expected: Seconds that jobs like this one took at the vendor: the median of the lane's last
-- 20 of about this size. Null: there was none.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - accepted_at))
       ::float AS seconds
FROM (
    SELECT accepted_at, completed_at FROM job
    WHERE lane_id = %(lane_id)s AND completed_at IS NOT NULL
      AND identifier_count BETWEEN %(size)s / 2 AND %(size)s * 2
    ORDER BY completed_at DESC LIMIT 20
) last

-- name: lock_account: Until the end of the transaction.
SELECT id FROM account WHERE id = %(account_id)s FOR NO KEY UPDATE

-- name: pause: Nothing new is submitted on the account until an operator resumes it.
UPDATE account SET paused_reason = %(reason)s, paused_at = now()
WHERE id = %(account_id)s AND paused_at IS NULL

-- name: resume: Submissions go on.
UPDATE account SET paused_reason = NULL, paused_at = NULL WHERE id = %(account_id)s AND paused_at IS NOT NULL
