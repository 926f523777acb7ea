-- name: slots: Every slot with the job that holds it. So many of the free ones as others' jobs take at
-- the vendor cannot be used.
SELECT a.name AS account, s.number AS slot, j.id AS job_id, j.state, j.batch_id, j.identifier_count,
       j.submitting_at AS held_since,
       j.id IS NULL AND row_number() OVER (PARTITION BY a.id, j.id IS NULL ORDER BY s.number DESC)
           <= a.foreign_active AS taken_by_others
FROM account a JOIN slot s ON s.account_id = a.id LEFT JOIN job j
  ON j.account_id = s.account_id AND j.slot = s.number
     AND j.state IN ('submitting', 'pending', 'processing')
WHERE a.removed_at IS NULL AND (%(account)s::text IS NULL OR a.name = %(account)s)
ORDER BY a.name, s.number

-- name: account: The account of a job. No row: there is no such job.
SELECT a.name FROM job j JOIN account a ON a.id = j.account_id WHERE j.id = %(job_id)s

-- name: outcomes: How the job's enrichments ended.
SELECT count(*) FILTER (WHERE outcome = 'fulfilled') AS fulfilled,
       count(*) FILTER (WHERE outcome = 'not_found') AS not_found
FROM result WHERE job_id = %(job_id)s
