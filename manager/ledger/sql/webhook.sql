-- name: heard: A hint from the vendor, by the job's own token; `news` when the job's end was not known. No row:
-- it is not its token.
UPDATE job SET webhook_at = coalesce(webhook_at, clock_timestamp()) FROM account
WHERE job.id = %(job_id)s AND job.token_hash = %(token_hash)s AND account.id = job.account_id
  AND job.state NOT IN ('packed', 'rejected')
RETURNING account.name AS account, job.state IN ('submitting', 'pending', 'processing') AS news

-- name: look_now: In a statement of its own: a look locks the account before its jobs.
UPDATE account SET look_at = clock_timestamp() WHERE name = %(account)s

-- name: wake: Tells the daemon to look at once.
SELECT pg_notify('enrichd_wake', current_schema() || ' look ' || %(account)s)
