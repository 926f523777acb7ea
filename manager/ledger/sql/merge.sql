-- name: insert_results: One end for each enrichment of the job: the first envelope that names it and
-- can be stored, or not found; failed, where there is only one that cannot be stored, or, for `doubt`,
-- where the file leaves it open whether the vendor delivered it. Of a job that the vendor has not
-- completed (`partial`) only what is in the file ends.
INSERT INTO result (enrichment_id, cycle, outcome, internal_id, record, reason, job_id)
SELECT e.id, e.cycle,
       CASE WHEN a.record IS NOT NULL THEN 'fulfilled'
            WHEN a.line IS NOT NULL OR %(doubt)s::text IS NOT NULL THEN 'failed'
            ELSE 'not_found' END,
       a.internal_id, a.record::jsonb,
       CASE WHEN a.record IS NULL THEN coalesce(a.reason, %(doubt)s::text) END,
       %(job_id)s
FROM enrichment e LEFT JOIN (
    SELECT DISTINCT ON (enrichment_id) * FROM enrichd_merge WHERE enrichment_id IS NOT NULL
    ORDER BY enrichment_id, record IS NULL, NOT sent, line
) a ON a.enrichment_id = e.id
WHERE e.job_id = %(job_id)s AND (a.line IS NOT NULL OR NOT %(partial)s)

-- name: stray_lines: Envelopes that settle nothing: unreadable, not asked for, or a second one.
SELECT m.line, coalesce(
           min(m.reason),
           CASE WHEN count(e.id) = 0 THEN 'the job did not ask for it' END,
           'a second envelope for the same identifier') AS reason
FROM (
    SELECT *, row_number() OVER (PARTITION BY enrichment_id ORDER BY record IS NULL, NOT sent, line) AS nth
    FROM enrichd_merge
) AS m
LEFT JOIN enrichment e ON e.job_id = %(job_id)s AND e.id = m.enrichment_id
GROUP BY m.line
HAVING NOT bool_or(e.id IS NOT NULL AND m.nth = 1 AND m.record IS NOT NULL)
ORDER BY m.line
LIMIT %(limit)s

-- name: merged: The end of a job that went well. No row: it was merged by another hand.
UPDATE job SET state = 'merged', why = %(why)s, ended_at = clock_timestamp(), failures = 0, error = NULL,
    waits_for = NULL, result_count = coalesce(result_count, %(lines)s)
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state IN ('completed', 'stopped')

-- name: again: The results could not be had this time.
UPDATE job SET
    failures = least(failures + %(failed)s::integer, 32767),
    bad_files = least(bad_files + %(bad_file)s::integer, 32767), error = %(error)s, waits_for = %(waits_for)s,
    due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND account_id = %(account_id)s
  AND (state IN ('completed', 'stopped') OR (state = 'failed' AND given_up_at IS NOT NULL))
