-- name: refusals: How many submissions the vendor has refused since it accepted one. After lock_account,
-- which lets one refusal be counted after the other.
SELECT count(*) AS count FROM job
WHERE account_id = %(account_id)s AND state = 'rejected'
  AND ended_at > coalesce((SELECT max(accepted_at) FROM job WHERE account_id = %(account_id)s), '-infinity')

-- name: split: Moves one half of a rejected job's enrichments into a new job, ready to be submitted.
WITH half AS (
    SELECT id, tag FROM enrichment WHERE job_id = %(job_id)s ORDER BY key LIMIT %(size)s
), made AS (
    INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, capacity, price, tags)
    SELECT %(new_id)s, account_id, lane_id, 'packed', %(why)s, (SELECT count(*) FROM half), capacity, price,
           (SELECT coalesce(jsonb_object_agg(tag, count), '{}') FROM (
                SELECT tag, count(*) AS count FROM half WHERE tag IS NOT NULL GROUP BY tag) t)
    FROM job WHERE id = %(job_id)s AND account_id = %(account_id)s
    RETURNING id
)
UPDATE enrichment SET job_id = made.id FROM half, made WHERE enrichment.id = half.id
