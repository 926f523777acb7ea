-- name: lock_job: Whether this connection alone works on the job from now on.
SELECT pg_try_advisory_lock(hashtextextended(current_schema() || %(id)s, 0)) AS locked

-- name: unlock: Frees the session's locks at once, not when the server notices that it has ended.
SELECT pg_advisory_unlock_all()

-- name: lock_timeout: How long the transaction waits for what others hold.
SELECT set_config('lock_timeout', %(value)s, true)

-- name: ledger_id: The ledger's own name.
SELECT id FROM ledger

-- name: start: Sets what this server knows of it, for the session if the backend is that one, else for the
-- transaction. synchronous_commit only where it is off.
SELECT pg_backend_pid() AS pid, pg_is_in_recovery() AS in_recovery,
       count(set_config(name, value, pg_backend_pid() <> %(pid)s))::integer AS set
FROM unnest(%(names)s::text[], %(values)s::text[]) AS wanted (name, value)
WHERE current_setting(name, true) IS NOT NULL
  AND (name <> 'synchronous_commit' OR current_setting(name) = 'off')

-- name: swap: Sets for the transaction what is set otherwise, and tells what was there before.
SELECT name, current_setting(name) AS before, set_config(name, value, true) AS now
FROM json_each_text(%(wanted)s::json) AS wanted (name, value)
WHERE current_setting(name) <> value
