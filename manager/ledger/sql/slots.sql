-- name: lock: One process at a time makes the account's semaphore what the ledger says.
SELECT pg_advisory_xact_lock(hashtext(current_schema() || ' slots'), %(account_id)s)

-- name: holders: The attempts that hold slots.
SELECT slot, id, attempts FROM job
WHERE account_id = %(account_id)s AND state IN ('submitting', 'pending', 'processing')

-- name: over: Which of these jobs hold no slot any more, and the last attempt that they have begun.
SELECT id, attempts FROM job
WHERE account_id = %(account_id)s AND id = ANY(%(ids)s)
  AND state NOT IN ('submitting', 'pending', 'processing')

-- name: foreign_active: How many active jobs at the vendor are not ours.
SELECT foreign_active FROM account WHERE id = %(account_id)s
