-- name: due: All steps of jobs that are due, the oldest first. Submissions only as many as there are free
-- slots, none to an endpoint or of a lane that is paused, and of a single identifier none while another
-- such one is unresolved.
(SELECT 'submit' AS step, job.id FROM job JOIN lane ON lane.id = job.lane_id
 WHERE job.account_id = %(account_id)s AND job.state = 'packed' AND job.due_at <= now()
   AND (job.identifier_count > 1 OR NOT %(one_unresolved)s) AND lane.paused_at IS NULL
   AND NOT EXISTS (SELECT FROM endpoint_pause p
                   WHERE p.account_id = job.account_id AND p.endpoint = lane.endpoint)
 ORDER BY job.due_at, job.id
 LIMIT greatest(0, %(cap)s - %(foreign_active)s
                   - (SELECT count(*) FROM job
                      WHERE account_id = %(account_id)s
                        AND state IN ('submitting', 'pending', 'processing'))))
UNION ALL
(SELECT 'resolve', id FROM job
 WHERE account_id = %(account_id)s AND state = 'submitting' AND due_at <= now() ORDER BY due_at)
UNION ALL
(SELECT 'merge', id FROM job
 WHERE account_id = %(account_id)s AND state IN ('completed', 'stopped') AND due_at <= now()
 ORDER BY due_at LIMIT 20)
UNION ALL
(SELECT 'merge', j.id FROM job j JOIN vendor_job v ON v.job_id = j.id
 WHERE j.account_id = %(account_id)s AND j.state = 'failed' AND j.given_up_at IS NOT NULL
   AND j.due_at <= now() AND v.stage IN ('completed', 'failed', 'stopped')
 ORDER BY j.due_at LIMIT 20)

-- name: wait_for_slot: Says what jobs that are due for submission wait for while no slot is free.
UPDATE job SET waits_for = %(waits_for)s
FROM lane
WHERE job.account_id = %(account_id)s AND job.state = 'packed' AND job.due_at <= now()
  AND lane.id = job.lane_id AND lane.paused_at IS NULL AND job.waits_for IS DISTINCT FROM %(waits_for)s
  AND NOT EXISTS (SELECT FROM endpoint_pause p
                  WHERE p.account_id = lane.account_id AND p.endpoint = lane.endpoint)

-- name: wait_for_resume: The same of those whose account, endpoint or lane is paused.
UPDATE job SET waits_for = w.waits_for
FROM (
    SELECT j.id, CASE WHEN %(paused)s THEN 'the account' WHEN p.endpoint IS NOT NULL THEN p.endpoint
                      WHEN l.paused_at IS NOT NULL THEN 'the lane' END || ' to be resumed' AS waits_for
    FROM job j JOIN lane l ON l.id = j.lane_id
    LEFT JOIN endpoint_pause p ON p.account_id = l.account_id AND p.endpoint = l.endpoint
    WHERE j.account_id = %(account_id)s AND j.state = 'packed' AND j.due_at <= now() AND l.paused_at IS NULL
) w
WHERE job.id = w.id AND w.waits_for IS NOT NULL AND job.waits_for IS DISTINCT FROM w.waits_for

-- name: look_due: Whether the vendor's list is to be asked now.
SELECT look_at <= clock_timestamp() AS due FROM account WHERE id = %(account_id)s
