-- name: lock_account: One packer at a time for an account, so that its jobs are counted right.
-- No row: another packer is at work, or the account is paused or removed.
SELECT id FROM account
WHERE id = %(account_id)s AND paused_at IS NULL AND removed_at IS NULL
  AND pg_try_advisory_xact_lock(hashtext(current_schema() || ' pack'), id)

-- name: room: How many more jobs are wanted to keep the slots fed. Those of one that have to wait for an
-- unresolved one feed none, nor do those that wait for
-- longer, or those of an endpoint or a lane that is paused.
SELECT %(cap)s + %(pack_ahead)s - count(*) FILTER (
           WHERE job.state IN ('submitting', 'pending', 'processing')
              OR (job.state = 'packed' AND job.due_at <= now() + interval '30 s' AND (job.identifier_count > 1 OR NOT %(one_unresolved)s)
                  AND p.endpoint IS NULL AND lane.paused_at IS NULL)) AS room
FROM job JOIN lane ON lane.id = job.lane_id
LEFT JOIN endpoint_pause p ON p.account_id = job.account_id AND p.endpoint = lane.endpoint
WHERE job.account_id = %(account_id)s AND job.ended_at IS NULL

-- name: one_unresolved: Whether a submission of one identifier is unresolved. Another one of that size must
-- wait for it, and has none to shed.
SELECT EXISTS (SELECT FROM job
               WHERE account_id = %(account_id)s AND state = 'submitting' AND identifier_count = 1
                 AND unresolved_at IS NOT NULL) AS one_unresolved

-- name: in_order: For this transaction: queues are read from their front, by their index. A planner whose
-- statistics lag behind a large enqueue would rather read the whole queue, and sort it.
SET LOCAL enable_sort = off

-- name: ready_lanes: The lanes that may be packed: not paused, full, lingered long enough or asked not to; the first in
-- line by the rank of its head, fuller lanes first among equals. `sizes` is the most that a job of each
-- endpoint holds. Looks at no more than one job's worth of each lane, and at nothing that is held for a
-- budget. A single one stays in its lane while it could not be submitted.
SELECT lane.id, lane.endpoint, (%(sizes)s::jsonb ->> lane.endpoint)::integer AS job_size
FROM lane CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(rank) AS head, min(due_at) AS oldest, bool_and(lingers) AS lingers
    FROM (
        SELECT rank, due_at, lingers FROM enrichment
        WHERE lane_id = lane.id AND state = 'pending' AND rank < 'infinity' AND due_at <= now()
        ORDER BY rank LIMIT (%(sizes)s::jsonb ->> lane.endpoint)::integer
    ) first
) waiting
WHERE lane.account_id = %(account_id)s AND lane.paused_at IS NULL
  AND %(sizes)s::jsonb ->> lane.endpoint IS NOT NULL
  AND NOT EXISTS (SELECT FROM endpoint_pause p
                  WHERE p.account_id = lane.account_id AND p.endpoint = lane.endpoint)
  AND (waiting.count >= (%(sizes)s::jsonb ->> lane.endpoint)::integer
       OR waiting.oldest <= now() - %(linger)s::interval OR NOT waiting.lingers)
  AND (waiting.count > 1 OR NOT %(one_unresolved)s)
ORDER BY waiting.head, waiting.count DESC, lane.id

-- name: claim: Makes a job of the first in line. Rows that another transaction holds are passed over, and
-- what is beyond its tag's budget (%(tags)s has how many of each may be bought);
-- what is left must still fill a job, have lingered or be asked not to, or there is none. By an array of ids, since the
-- planner would rather join the whole table than look up as many.
WITH front AS MATERIALIZED (
    SELECT id, due_at, tag, rank, lingers FROM enrichment
    WHERE lane_id = %(lane_id)s AND state = 'pending' AND rank < 'infinity' AND due_at <= now()
    ORDER BY rank
    LIMIT %(job_size)s
    FOR UPDATE SKIP LOCKED
), claimed AS MATERIALIZED (
    SELECT id, due_at, tag, lingers FROM front WHERE tag IS NULL OR NOT %(tags)s::jsonb ? tag
    UNION ALL
    SELECT id, due_at, tag, lingers FROM (
        SELECT *, row_number() OVER (PARTITION BY tag ORDER BY rank, id) AS nth
        FROM front WHERE %(tags)s::jsonb ? tag
    ) numbered WHERE nth <= (%(tags)s::jsonb ->> tag)::bigint
), made AS (
    INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, capacity, price, tags)
    SELECT %(job_id)s, %(account_id)s, %(lane_id)s, 'packed',
           CASE WHEN count(*) >= %(job_size)s AND %(job_size)s < %(capacity)s THEN 'a budget allows no more'
                WHEN count(*) >= %(job_size)s THEN 'the lane fills a job'
                WHEN min(due_at) <= now() - %(linger)s::interval THEN %(lingered)s
                ELSE 'a request asked not to linger' END,
           count(*), %(capacity)s,
           (SELECT credits FROM price WHERE account_id = %(account_id)s AND endpoint = %(endpoint)s),
           (SELECT coalesce(jsonb_object_agg(tag, count), '{}') FROM (
                SELECT tag, count(*) AS count FROM claimed WHERE tag IS NOT NULL GROUP BY tag) t)
    FROM claimed
    HAVING count(*) >= %(job_size)s OR min(due_at) <= now() - %(linger)s::interval OR NOT bool_and(lingers)
    RETURNING id
)
UPDATE enrichment SET state = 'packed', job_id = made.id
FROM made WHERE enrichment.id = ANY (ARRAY(SELECT id FROM claimed))
