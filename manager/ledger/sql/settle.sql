-- name: lock_enrichments: In key order, like every step: no deadlocks with enqueues and cancels.
SELECT count(*) AS count FROM (
    SELECT FROM enrichment WHERE job_id = %(job_id)s ORDER BY key FOR UPDATE
) locked

-- name: settle_job: Writes the ends that `result` holds for this job into its enrichments. How many of what it
-- has bought which request was the cause of.
WITH settled AS (
    UPDATE enrichment e SET state = r.outcome, job_id = NULL, settled_at = r.fetched_at, reason = r.reason
    FROM result r
    WHERE r.job_id = %(job_id)s AND r.enrichment_id = e.id AND r.cycle = e.cycle
      AND e.state IN ('packed', 'pending')
    RETURNING r.outcome, e.cause
)
SELECT cause AS request_id, count(*) AS count FROM settled
WHERE outcome = 'fulfilled' AND cause IS NOT NULL GROUP BY cause

-- name: tally: Adds what the job has settled to the requests that wanted it; a request whose last item
-- this was is finished. What was bought counts for the request that began the purchase. Requests are locked in
-- the order of their ids: no deadlocks.
WITH settled AS (
    SELECT i.request_id,
           count(*) FILTER (WHERE r.outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE r.outcome = 'not_found') AS not_found,
           count(*) FILTER (WHERE r.outcome = 'failed') AS failed
    FROM result r JOIN request_item i USING (enrichment_id, cycle)
    WHERE r.job_id = %(job_id)s AND NOT i.cancelled
    GROUP BY i.request_id
), bought AS (
    SELECT * FROM unnest(%(causes)s::uuid[], %(counts)s::integer[]) AS bought (request_id, count)
), locked AS (
    SELECT request.id FROM request WHERE id IN (SELECT request_id FROM settled)
    ORDER BY id FOR UPDATE
)
UPDATE request SET
    fulfilled = request.fulfilled + s.fulfilled,
    not_found = request.not_found + s.not_found,
    failed = request.failed + s.failed,
    bought = request.bought + coalesce(b.count, 0),
    credits = request.credits + coalesce(b.count * (SELECT price FROM job WHERE id = %(job_id)s), 0),
    finished_at = CASE WHEN request.fulfilled + request.not_found + request.failed + request.cancelled
                            + s.fulfilled + s.not_found + s.failed = request.total
                       THEN clock_timestamp() END
FROM settled s LEFT JOIN bought b USING (request_id), locked
WHERE request.id = s.request_id AND locked.id = request.id
RETURNING request.id, request.finished_at IS NOT NULL AS finished

-- name: notify_finished: Tells those who wait for these requests.
SELECT pg_notify('enrichd_finished', id::text) FROM unnest(%(ids)s::uuid[]) AS id

-- name: fail_all: A failed end for each enrichment of the job.
INSERT INTO result (enrichment_id, cycle, outcome, reason, job_id)
SELECT id, cycle, 'failed', %(reason)s, %(job_id)s FROM enrichment
WHERE job_id = %(job_id)s

-- name: fail_exhausted: A failed end for those of the job that have none and were in too many failed jobs.
INSERT INTO result (enrichment_id, cycle, outcome, reason, job_id)
SELECT e.id, e.cycle, 'failed', %(reason)s, %(job_id)s FROM enrichment e
WHERE e.job_id = %(job_id)s AND e.attempts + 1 >= %(max_attempts)s
  AND NOT EXISTS (SELECT FROM result r WHERE r.enrichment_id = e.id AND r.cycle = e.cycle)

-- name: fail_lane: A failed end for all that waits in the lane of the job.
INSERT INTO result (enrichment_id, cycle, outcome, reason, job_id)
SELECT e.id, e.cycle, 'failed', %(reason)s, %(job_id)s
FROM enrichment e JOIN job j ON j.lane_id = e.lane_id
WHERE j.id = %(job_id)s AND (e.state = 'pending' OR e.job_id = j.id)

-- name: lock_lane: In key order, like every step.
SELECT count(*) AS count FROM (
    SELECT FROM enrichment e JOIN job j ON j.lane_id = e.lane_id
    WHERE j.id = %(job_id)s AND (e.state = 'pending' OR e.job_id = j.id)
    ORDER BY e.key FOR UPDATE OF e
) locked

-- name: retry: The others of the job wait for another one.
UPDATE enrichment SET
    state = 'pending', job_id = NULL, attempts = attempts + 1, reason = %(reason)s,
    due_at = clock_timestamp() + %(wait)s::interval,
    rank = clock_timestamp() + %(wait)s::interval - priority * %(priority_step)s::interval
WHERE job_id = %(job_id)s
RETURNING id

-- name: cancel_unwanted: What no request wants any more is not bought again.
UPDATE enrichment e SET state = 'cancelled', settled_at = now(), reason = 'no request wants it any more'
WHERE e.id = ANY(%(ids)s) AND e.state = 'pending'
  AND NOT EXISTS (SELECT FROM request_item i
                  WHERE i.enrichment_id = e.id AND i.cycle = e.cycle AND NOT i.cancelled)

-- name: failed: The vendor, or its results file, failed. No row: another hand has ended the job.
UPDATE job SET
    state = 'failed', why = %(why)s, error = %(why)s, slot = NULL, waits_for = NULL,
    ended_at = clock_timestamp(), completed_at = coalesce(completed_at, clock_timestamp())
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state IN ('pending', 'processing', 'completed', 'stopped')

-- name: give_up: An operator frees the slot of a job that does not end.
UPDATE job SET
    state = 'failed', why = %(why)s, error = %(why)s, slot = NULL, waits_for = NULL,
    ended_at = clock_timestamp(), given_up_at = clock_timestamp(), due_at = clock_timestamp(),
    failures = 0, bad_files = 0
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state IN ('pending', 'processing', 'completed', 'stopped')

-- name: expired: The results were gone before they could be downloaded.
UPDATE job SET state = 'expired', why = %(why)s, error = %(why)s, waits_for = NULL, ended_at = clock_timestamp()
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state IN ('completed', 'stopped')
