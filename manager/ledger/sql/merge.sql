-- name: completed_job: The job whose results are to be merged. No row: merged already, or not due.
SELECT job.id, job.account_id, job.batch_id, job.identifier_count, job.failures, job.bad_files, job.result_count,
       lane.identifier_type
FROM job JOIN lane ON lane.id = job.lane_id
WHERE job.id = %(job_id)s AND job.state = 'completed' AND job.due_at <= now()

-- name: create_staging: A private table for one merge.
CREATE TEMPORARY TABLE enrichd_merge (
    line integer NOT NULL,
    key text COLLATE "C",
    internal_id bigint,
    record text,
    reason text
) ON COMMIT DROP

-- name: copy_staging: Streams the envelopes in.
COPY enrichd_merge (line, key, internal_id, record, reason) FROM STDIN

-- name: drop_unstorable: Only after the database refused a record: marks each one that it would refuse.
UPDATE enrichd_merge SET record = NULL, reason = 'the record cannot be stored as jsonb'
WHERE record IS NOT NULL AND NOT pg_input_is_valid(record, 'jsonb')

-- name: analyze_staging: The joins below are planned for its real size.
ANALYZE enrichd_merge

-- name: lock_enrichments: In key order, like every step: no deadlocks with enqueues and cancels.
SELECT count(*) AS count FROM (
    SELECT FROM enrichment WHERE job_id = %(job_id)s ORDER BY key FOR UPDATE
) locked

-- name: insert_results: One end for each enrichment of the job: the first envelope that names it and
-- can be stored, or not found; failed, where there is only one that cannot be stored, or, for `doubt`,
-- where the file leaves it open whether the vendor delivered it.
INSERT INTO result (enrichment_id, cycle, outcome, internal_id, record, reason, job_id)
SELECT e.id, e.cycle,
       CASE WHEN a.record IS NOT NULL THEN 'fulfilled'
            WHEN a.line IS NOT NULL OR %(doubt)s::text IS NOT NULL THEN 'failed'
            ELSE 'not_found' END,
       a.internal_id, a.record::jsonb,
       CASE WHEN a.record IS NULL THEN coalesce(a.reason, %(doubt)s::text) END,
       %(job_id)s
FROM enrichment e LEFT JOIN (
    SELECT DISTINCT ON (key) * FROM enrichd_merge WHERE key IS NOT NULL ORDER BY key, record IS NULL, line
) a USING (key)
WHERE e.job_id = %(job_id)s

-- name: stray_lines: Envelopes that settle nothing: unreadable, not asked for, or a second one for a key.
SELECT m.line, coalesce(
           m.reason,
           CASE WHEN e.id IS NULL THEN 'the job did not ask for it' END,
           'a second envelope for the same identifier') AS reason
FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY record IS NULL, line) AS nth FROM enrichd_merge) AS m
LEFT JOIN enrichment e ON e.job_id = %(job_id)s AND e.key = m.key
WHERE e.id IS NULL OR m.nth > 1 OR m.record IS NULL
ORDER BY m.line
LIMIT %(limit)s

-- name: copy_strays: Keeps them for the operator.
COPY stray (job_id, line, reason, envelope) FROM STDIN

-- name: merged: The end of a job that went well. No row: it was merged by another hand.
UPDATE job SET state = 'merged', why = %(why)s, ended_at = clock_timestamp(), failures = 0, error = NULL
WHERE id = %(job_id)s AND state = 'completed'
RETURNING id

-- name: again: The results could not be had this time.
UPDATE job SET
    failures = least(failures + 1, 32767), bad_files = least(bad_files + %(bad_file)s::integer, 32767), error = %(error)s,
    due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND state = 'completed'
