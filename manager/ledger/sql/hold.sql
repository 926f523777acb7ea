-- name: lock: What budgets allow is shared out by one packer at a time, of whatever account.
SELECT pg_advisory_xact_lock(hashtext(current_schema() || ' budgets'))

-- name: any: Whether there is any budget, or anything that is held for one.
SELECT EXISTS (SELECT FROM budget) OR EXISTS (SELECT FROM held) AS any

-- name: hold: Takes what is beyond its tag's budget out of the front of a lane's queue: %(tags)s has how many of
-- each tag may still be bought. Each is taken out once, so that what others may buy is soon in front.
WITH front AS MATERIALIZED (
    SELECT id, tag, rank FROM enrichment
    WHERE lane_id = %(lane_id)s AND state = 'pending' AND rank < 'infinity' AND due_at <= now()
    ORDER BY rank LIMIT %(page)s
    FOR UPDATE SKIP LOCKED
), beyond AS MATERIALIZED (
    SELECT id, tag, rank FROM (
        SELECT *, row_number() OVER (PARTITION BY tag ORDER BY rank, id) AS nth
        FROM front WHERE %(tags)s::jsonb ? tag
    ) numbered WHERE nth > (%(tags)s::jsonb ->> tag)::bigint
), kept AS (
    INSERT INTO held (enrichment_id, lane_id, tag, rank)
    SELECT id, %(lane_id)s, tag, rank FROM beyond
    ON CONFLICT (enrichment_id) DO UPDATE
    SET lane_id = excluded.lane_id, tag = excluded.tag, rank = excluded.rank
)
UPDATE enrichment SET rank = 'infinity'
WHERE id = ANY (ARRAY(SELECT id FROM beyond))
RETURNING id

-- name: hand_over: Of what was taken out, what a request of another tag wants, too, that may still buy: it pays
-- for it, and it is back in the queue. From a tag with a budget to another one only when nothing is left for the
-- one and something for the other: else they would hand it to and fro.
WITH other AS MATERIALIZED (
    SELECT DISTINCT ON (e.id) e.id, q.id AS cause, q.tag, h.rank
    FROM held h JOIN enrichment e ON e.id = h.enrichment_id
    JOIN request_item i ON i.enrichment_id = e.id AND i.cycle = e.cycle AND NOT i.cancelled
    JOIN request q ON q.id = i.request_id
    WHERE h.enrichment_id = ANY (%(ids)s) AND (q.tag IS NULL OR NOT %(tags)s::jsonb ? q.tag
         OR ((%(tags)s::jsonb ->> h.tag)::bigint = 0 AND (%(tags)s::jsonb ->> q.tag)::bigint > 0))
    ORDER BY e.id, q.id
), gone AS (
    DELETE FROM held USING other WHERE held.enrichment_id = other.id
)
UPDATE enrichment e SET cause = other.cause, tag = other.tag, rank = other.rank
FROM other WHERE e.id = other.id

-- name: pairs: In which lanes of the account something is held, for which tag.
WITH RECURSIVE pair AS (
    (SELECT lane_id, tag FROM held ORDER BY lane_id, tag LIMIT 1)
    UNION ALL
    SELECT following.lane_id, following.tag FROM pair CROSS JOIN LATERAL (
        SELECT lane_id, tag FROM held WHERE (held.lane_id, held.tag) > (pair.lane_id, pair.tag)
        ORDER BY lane_id, tag LIMIT 1) following
)
SELECT pair.lane_id, pair.tag, lane.endpoint FROM pair JOIN lane ON lane.id = pair.lane_id
WHERE lane.account_id = %(account_id)s

-- name: release: Puts the first of what is held for a tag back into its queue, as many as may be bought less
-- those that are in front of it already. What is not held any more is forgotten; what a daemon of the release
-- before has packed all the same stays held, since it may come back out of its job.
WITH page AS MATERIALIZED (
    SELECT enrichment_id, rank FROM held
    WHERE lane_id = %(lane_id)s AND tag = %(tag)s
    ORDER BY rank
    LIMIT greatest(%(most)s - (
        SELECT count(*) FROM (
            SELECT tag FROM enrichment
            WHERE lane_id = %(lane_id)s AND state = 'pending' AND rank < 'infinity'
            ORDER BY rank LIMIT %(page)s
        ) front WHERE front.tag = %(tag)s), 0)
), locked AS MATERIALIZED (
    SELECT e.id, e.state = 'pending' AND e.rank = 'infinity' AS waits,
           e.state = 'packed' AND e.rank = 'infinity' AS packed
    FROM enrichment e
    WHERE e.id = ANY (ARRAY(SELECT enrichment_id FROM page))
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM held h USING page p
    WHERE h.enrichment_id = p.enrichment_id
      AND (h.enrichment_id IN (SELECT id FROM locked WHERE NOT packed)
           OR NOT EXISTS (SELECT FROM enrichment e WHERE e.id = h.enrichment_id))
)
UPDATE enrichment e SET rank = p.rank
FROM page p JOIN locked l ON l.id = p.enrichment_id
WHERE e.id = l.id AND l.waits

-- name: forget: What is first of what was held, but waits for no budget any more: it was cancelled, say. At most so
-- many at once. Nothing becomes held meanwhile: only a packer holds, one at a time.
DELETE FROM held WHERE enrichment_id = ANY (ARRAY(
    SELECT h.enrichment_id FROM (
        SELECT enrichment_id FROM held WHERE lane_id = %(lane_id)s AND tag = %(tag)s ORDER BY rank LIMIT %(page)s) h
    WHERE NOT EXISTS (SELECT FROM enrichment e
                      WHERE e.id = h.enrichment_id AND e.state IN ('pending', 'packed') AND e.rank = 'infinity')))

-- name: told: The accounts whose targets are told of a budget: its own, or every one.
SELECT a.id FROM account a LEFT JOIN account own ON own.name = %(own)s
WHERE a.targets IS NOT NULL AND a.removed_at IS NULL AND (%(own)s::text IS NULL OR a.id = own.id) ORDER BY a.id

-- name: block: Notes until when each budget keeps what waits from being bought. One that a caller's transaction
-- has entered is passed over until the next time: nobody packs while a packer waits.
WITH free AS (
    SELECT name FROM budget WHERE name IN (SELECT name FROM jsonb_to_recordset(%(budgets)s::jsonb) AS w (name text))
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE budget b SET blocked_until = w.until,
    reached_at = CASE WHEN w.until IS NULL THEN b.reached_at ELSE clock_timestamp() END
FROM jsonb_to_recordset(%(budgets)s::jsonb) AS w (name text, until timestamptz) JOIN free USING (name)
WHERE b.name = w.name AND b.blocked_until IS DISTINCT FROM w.until
RETURNING b.name
