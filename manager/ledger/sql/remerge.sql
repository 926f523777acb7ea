-- name: lock_enrichments: What failed in the job, in key order, like every step. What has begun another
-- cycle since is locked, too, and left as it is.
SELECT count(*) AS count FROM (
    SELECT FROM enrichment e JOIN result r ON r.enrichment_id = e.id
    WHERE r.job_id = %(job_id)s AND r.outcome = 'failed' ORDER BY e.key FOR UPDATE OF e
) locked

-- name: mend_results: What failed in the job, and is in the file, is fulfilled; what is not in a file that
-- leaves no doubt was not found. In the cycle that the job has bought, and no other.
UPDATE result r SET
    outcome = CASE WHEN a.record IS NOT NULL THEN 'fulfilled' ELSE 'not_found' END,
    internal_id = a.internal_id, record = a.record::jsonb, reason = NULL, fetched_at = clock_timestamp()
FROM enrichment e LEFT JOIN (
    SELECT DISTINCT ON (enrichment_id) * FROM enrichd_merge WHERE record IS NOT NULL
    ORDER BY enrichment_id, NOT sent, line
) a ON a.enrichment_id = e.id
WHERE r.job_id = %(job_id)s AND r.outcome = 'failed' AND r.forgotten_at IS NULL AND e.id = r.enrichment_id
  AND (a.record IS NOT NULL
       OR (%(whole)s AND NOT EXISTS (SELECT FROM enrichd_merge m WHERE m.enrichment_id = e.id)))
RETURNING r.enrichment_id, r.cycle, r.outcome

-- name: mend_enrichments: Those that have begun no other cycle since.
UPDATE enrichment e SET state = r.outcome, settled_at = r.fetched_at, reason = NULL
FROM unnest(%(ids)s::bigint[], %(cycles)s::integer[]) AS mended (enrichment_id, cycle)
JOIN result r USING (enrichment_id, cycle)
WHERE e.id = mended.enrichment_id AND e.cycle = mended.cycle AND e.state = 'failed'

-- name: tally: Counts them for the requests that wanted them: no more as failed.
WITH mended AS (
    SELECT i.request_id,
           count(DISTINCT e.id) FILTER (WHERE r.outcome = 'fulfilled' AND e.cause = i.request_id AND e.cycle = r.cycle) AS bought,
           count(*) FILTER (WHERE r.outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE r.outcome = 'not_found') AS not_found,
           count(*) AS all
    FROM unnest(%(ids)s::bigint[], %(cycles)s::integer[]) AS mended (enrichment_id, cycle)
    JOIN result r USING (enrichment_id, cycle) JOIN request_item i USING (enrichment_id, cycle)
    JOIN enrichment e ON e.id = r.enrichment_id
    WHERE NOT i.cancelled
    GROUP BY i.request_id
), locked AS (
    SELECT request.id FROM request WHERE id IN (SELECT request_id FROM mended) ORDER BY id FOR UPDATE
)
UPDATE request SET
    fulfilled = request.fulfilled + m.fulfilled, not_found = request.not_found + m.not_found,
    failed = request.failed - m.all, bought = request.bought + m.bought,
    credits = request.credits + m.bought * coalesce((SELECT price FROM job WHERE id = %(job_id)s), 0)
FROM mended m, locked
WHERE request.id = m.request_id AND locked.id = request.id

-- name: merged: The job's results were merged after all. How many there are is known only of a whole file.
UPDATE job SET state = 'merged', why = %(why)s, ended_at = clock_timestamp(), failures = 0, error = NULL,
    waits_for = NULL, result_count = CASE WHEN %(whole)s THEN coalesce(%(lines)s, result_count) ELSE result_count END,
    given_up_at = NULL
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state IN ('failed', 'expired', 'merged')
