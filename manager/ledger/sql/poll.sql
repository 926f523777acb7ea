-- name: claim_due: The active jobs to ask about. Pushing their time ahead is the claim: a doubled
-- wake-up finds nothing, and if this poller dies they are due again soon.
UPDATE job SET due_at = clock_timestamp() + %(lease)s::interval
FROM (
    SELECT id FROM job
    WHERE account_id = %(account_id)s AND state IN ('pending', 'processing') AND due_at <= now()
    FOR UPDATE SKIP LOCKED
) due
WHERE job.id = due.id
RETURNING job.id, job.account_id, job.batch_id, job.state, job.lane_id, job.identifier_count, job.failures, job.looks,
          job.slot, job.attempts, extract(epoch FROM clock_timestamp() - job.accepted_at)::float AS age

-- name: again: Still at work; ask again later.
UPDATE job SET
    state = %(state)s, why = CASE WHEN state = %(state)s THEN why ELSE %(why)s END,
    failures = 0, looks = 0, error = NULL,
    processing_at = CASE WHEN %(state)s = 'processing' THEN coalesce(processing_at, clock_timestamp()) END,
    result_count = %(result_count)s, entities_fulfilled = %(entities_fulfilled)s,
    due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND state IN ('pending', 'processing')

-- name: completed: The vendor is done: the slot is free, the results wait to be merged.
UPDATE job SET
    state = 'completed', why = %(why)s, slot = NULL, failures = 0, error = NULL,
    completed_at = clock_timestamp(), due_at = clock_timestamp(),
    entities_requested = %(entities_requested)s, entities_fulfilled = %(entities_fulfilled)s,
    result_count = %(result_count)s
WHERE id = %(job_id)s AND state IN ('pending', 'processing')
RETURNING id

-- name: unanswered: The question could not be answered; the job may well go on. `looks` counts how often
-- in a row the vendor did not know the job.
UPDATE job SET
    failures = least(failures + %(failed)s::integer, 32767), error = %(error)s,
    looks = CASE WHEN %(unknown)s THEN looks + 1 ELSE 0 END,
    due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND state IN ('pending', 'processing')

-- name: poll_now: A hint, for example a webhook: ask at once.
UPDATE job SET due_at = clock_timestamp(), webhook_at = clock_timestamp()
WHERE id = %(job_id)s AND token_hash = %(token_hash)s
  AND state IN ('submitting', 'pending', 'processing')
RETURNING id

-- name: wake: Tells the daemon to poll at once.
SELECT pg_notify('enrichd_wake', current_schema() || ' poll')
