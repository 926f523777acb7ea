-- name: lock_job: Whether this connection alone works on the job from now on.
SELECT pg_try_advisory_lock(hashtextextended(current_schema() || %(id)s, 0)) AS locked

-- name: unlock: Frees the session's locks at once, not when the server notices that it has ended.
SELECT pg_advisory_unlock_all()

-- name: lock_timeout: How long the transaction waits for what others hold.
SELECT set_config('lock_timeout', %(value)s, true)

-- name: ledger_id: The ledger's own name.
SELECT id FROM ledger
