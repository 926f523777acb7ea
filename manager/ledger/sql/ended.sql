-- name: job: The job whose results are to be merged: they wait, or were given up and may have come after
-- all. No row: merged already, or not due, or another state.
-- What was counted when it was given up is not what the vendor delivers later.
SELECT job.id, job.state, job.batch_id, job.identifier_count, job.failures, job.bad_files,
       CASE WHEN job.given_up_at IS NULL THEN job.result_count ELSE v.result_count END AS result_count,
       coalesce(v.status, job.vendor_status) AS vendor_status, v.stage, job.given_up_at,
       lane.endpoint, lane.identifier_type
FROM job JOIN lane ON lane.id = job.lane_id LEFT JOIN vendor_job v ON v.job_id = job.id
WHERE job.id = %(job_id)s AND job.account_id = %(account_id)s AND job.batch_id IS NOT NULL
  AND (NOT %(due)s OR (job.due_at <= now() AND (job.state IN ('completed', 'stopped')
       OR (job.state = 'failed' AND job.given_up_at IS NOT NULL))))
