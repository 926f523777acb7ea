-- name: begin: Commits, before the call, that the job holds a slot and may from now on be at the vendor.
-- No row: somebody else moved the job. Violates job_one_per_slot if the slot is taken,
-- job_one_submission_per_size if an equally large job is being submitted.
UPDATE job SET
    state = 'submitting', why = %(why)s, slot = %(slot)s, attempts = attempts + 1, looks = 0,
    error = NULL, waits_for = NULL, submitting_at = clock_timestamp(), unresolved_at = NULL,
    unresolved_looks = 0, listed_by = NULL, webhook_at = NULL, token_hash = %(token_hash)s,
    due_at = clock_timestamp() + %(resolve_after)s::interval
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state = 'packed' AND attempts = %(attempts)s
RETURNING id

-- name: accept: The vendor has the job under this batch_id.
UPDATE job SET
    state = 'pending', why = %(why)s, batch_id = %(batch_id)s, accepted_at = clock_timestamp(),
    entities_requested = %(entities_requested)s, failures = 0, looks = 0, error = NULL,
    waits_for = NULL, due_at = clock_timestamp()
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state = 'submitting' AND attempts = %(attempts)s

-- name: put_back: The vendor certainly does not have the job; it waits for its next try.
UPDATE job SET
    state = 'packed', why = %(why)s, slot = NULL, error = %(error)s, waits_for = NULL,
    failures = least(failures + %(failed)s::integer, 32767),
    due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state = 'submitting' AND attempts = %(attempts)s

-- name: leave_unresolved: The vendor may or may not have the job; `resolve` finds out.
UPDATE job SET why = %(why)s, error = %(error)s, unresolved_at = clock_timestamp(),
    due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state = 'submitting' AND attempts = %(attempts)s

-- name: reject: The vendor refused the job for good.
UPDATE job SET state = 'rejected', why = %(why)s, slot = NULL, error = %(error)s, waits_for = NULL,
    ended_at = clock_timestamp()
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state = 'submitting' AND attempts = %(attempts)s

-- name: wait: Not yet; the job stays packed. It is no failure.
UPDATE job SET due_at = clock_timestamp() + %(wait)s::interval, waits_for = %(waits_for)s
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state = 'packed'
