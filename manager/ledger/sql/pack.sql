-- name: lock_account: One packer at a time for an account, so that its jobs are counted right.
-- No row: another packer is at work, or the account is paused.
SELECT id FROM account
WHERE id = %(account_id)s AND paused_at IS NULL AND pg_try_advisory_xact_lock(hashtext('pack'), id)

-- name: room: How many more jobs are wanted to keep the slots fed.
SELECT (SELECT count(*) FROM slot WHERE account_id = %(account_id)s) + %(pack_ahead)s
       - count(*) FILTER (WHERE state IN ('submitting', 'pending', 'processing'))
       - count(*) FILTER (WHERE state = 'packed') AS room
FROM job WHERE account_id = %(account_id)s AND ended_at IS NULL

-- name: next_lane: The lane to pack next: full or lingered long enough; the first in line by the rank of
-- its head, fuller lanes first among equals. Looks at no more than one job's worth of each lane.
SELECT lane.id, waiting.count, waiting.head
FROM lane CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(rank) AS head, min(due_at) AS oldest
    FROM (
        SELECT rank, due_at FROM enrichment
        WHERE lane_id = lane.id AND state = 'pending' AND due_at <= now()
        ORDER BY rank LIMIT %(job_size)s
    ) first
) waiting
WHERE lane.account_id = %(account_id)s
  AND (waiting.count >= %(job_size)s
       OR (waiting.count > 0 AND waiting.oldest <= now() - %(linger)s::interval))
ORDER BY waiting.head, waiting.count DESC, lane.id
LIMIT 1

-- name: claim: Makes a job of the first in line. Rows that another statement holds are passed over;
-- when nothing is left there is no job.
WITH claimed AS (
    SELECT id FROM enrichment
    WHERE lane_id = %(lane_id)s AND state = 'pending' AND due_at <= now()
    ORDER BY rank
    LIMIT %(job_size)s
    FOR UPDATE SKIP LOCKED
), made AS (
    INSERT INTO job (id, account_id, lane_id, state, why, identifier_count)
    SELECT %(job_id)s, %(account_id)s, %(lane_id)s, 'packed', %(why)s, count(*)
    FROM claimed HAVING count(*) > 0
    RETURNING id
)
UPDATE enrichment SET state = 'packed', job_id = made.id
FROM claimed, made WHERE enrichment.id = claimed.id
