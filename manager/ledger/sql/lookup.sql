-- name: read_only: What follows in the transaction cannot write, whatever it is.
SET TRANSACTION READ ONLY

-- name: lanes: The lanes of a type, on one account and endpoint or on all.
SELECT l.id, a.name AS account, l.endpoint, l.fields
FROM lane l JOIN account a ON a.id = l.account_id
WHERE l.identifier_type = %(identifier_type)s
  AND (%(account)s::text IS NULL OR a.name = %(account)s)
  AND (%(endpoint)s::text IS NULL OR l.endpoint = %(endpoint)s)

-- name: known: What the ledger knows of each key in each of the lanes: where its enrichment stands, and
-- the newest record of it, by its time alone. (The laterals keep to the indexes: as many probes as there
-- are keys and lanes, however large the ledger is.)
SELECT wanted.key, e.id AS enrichment_id, e.lane_id, e.state, e.cycle, e.attempts, e.due_at, e.settled_at,
       e.reason, coalesce(e.job_id, ended.job_id) AS job_id, job.state AS job_state,
       newest.cycle AS record_cycle, newest.fetched_at AS record_at, newest.job_id AS record_job,
       clock_timestamp() AS now
FROM unnest(%(keys)s::text[]) AS wanted (key)
CROSS JOIN LATERAL (
    SELECT * FROM enrichment
    WHERE lane_id = ANY(%(lanes)s::integer[]) AND key = wanted.key
    OFFSET 0
) e
LEFT JOIN LATERAL (
    SELECT cycle, fetched_at, job_id FROM result
    WHERE enrichment_id = e.id AND outcome = 'fulfilled'
    ORDER BY fetched_at DESC, cycle DESC LIMIT 1
) newest ON true
LEFT JOIN result ended ON ended.enrichment_id = e.id AND ended.cycle = e.cycle
LEFT JOIN job ON job.id = e.job_id

-- name: records: The records of these ends.
SELECT r.enrichment_id, r.internal_id, r.record::text AS record
FROM unnest(%(ids)s::bigint[], %(cycles)s::integer[]) AS wanted (id, cycle)
JOIN result r ON r.enrichment_id = wanted.id AND r.cycle = wanted.cycle AND r.record IS NOT NULL

-- name: requested: Every item of these enrichments, with its request, and when the cycle ended that it is of.
SELECT i.enrichment_id, i.cycle, r.created_at AS at, r.id AS request_id, i.position, i.value, i.cancelled,
       r.cancelled_at, e.fetched_at
FROM request_item i JOIN request r ON r.id = i.request_id
LEFT JOIN result e ON e.enrichment_id = i.enrichment_id AND e.cycle = i.cycle
WHERE i.enrichment_id = ANY(%(ids)s::bigint[])

-- name: bought: Every job that these enrichments are in or ended in, and that end.
SELECT found.enrichment_id, found.cycle, found.outcome, found.reason, found.fetched_at, j.id AS job_id,
       j.state, j.batch_id, j.created_at, j.submitting_at, j.accepted_at, j.completed_at
FROM (
    SELECT enrichment_id, cycle, outcome, reason, fetched_at, job_id FROM result
    WHERE enrichment_id = ANY(%(ids)s::bigint[])
    UNION ALL
    SELECT id, cycle, NULL, NULL, NULL, job_id FROM enrichment
    WHERE id = ANY(%(ids)s::bigint[]) AND job_id IS NOT NULL
) found JOIN job j ON j.id = found.job_id

-- name: accounts: Every account that the ledger knows, removed ones too: what they bought is there.
SELECT name FROM account ORDER BY name
