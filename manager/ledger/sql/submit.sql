-- name: due_job: The job with what its submission needs. No row: it is not due, or its account, endpoint or
-- lane is paused.
SELECT job.id, job.identifier_count, job.attempts, job.failures,
       lane.id AS lane_id, lane.endpoint, lane.identifier_type, lane.fields
FROM job JOIN lane ON lane.id = job.lane_id JOIN account ON account.id = job.account_id
WHERE job.id = %(job_id)s AND job.account_id = %(account_id)s AND job.state = 'packed'
  AND job.due_at <= now() AND account.paused_at IS NULL AND account.removed_at IS NULL
  AND lane.paused_at IS NULL
  AND NOT EXISTS (SELECT FROM endpoint_pause p
                  WHERE p.account_id = job.account_id AND p.endpoint = lane.endpoint)

-- name: identifiers: What the job submits.
SELECT identifier FROM enrichment WHERE job_id = %(job_id)s ORDER BY key

-- name: shed: Lets one enrichment of the job wait for another one, when an unresolved submission has
-- the job's size, which may take long: so the job has a size of its own and need not wait.
WITH stuck AS (
    SELECT mine.id FROM job mine JOIN job other USING (account_id, identifier_count)
    WHERE mine.id = %(job_id)s AND mine.account_id = %(account_id)s AND mine.state = 'packed'
      AND mine.identifier_count > 1 AND other.state = 'submitting' AND other.unresolved_at IS NOT NULL
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
