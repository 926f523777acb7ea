-- name: create_staging: A private table for one enqueue call; gone with the transaction at the latest.
CREATE TEMPORARY TABLE enrichd_enqueue (
    position integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    identifier text NOT NULL,
    value text NOT NULL
) ON COMMIT DROP

-- name: copy_staging: Streams the normalised identifiers in.
COPY pg_temp.enrichd_enqueue (position, key, identifier, value) FROM STDIN

-- name: analyze_staging: Without it a large call would be planned for a small one.
ANALYZE pg_temp.enrichd_enqueue

-- name: drop_staging: A caller's transaction may go on, and may enqueue again.
DROP TABLE pg_temp.enrichd_enqueue

-- name: given: What a small call hands over, as if it stood in that table.
(SELECT position, key COLLATE "C" AS key, identifier, value FROM json_to_recordset(%(rows)s::json)
 AS given (position integer, key text, identifier text, value text))

-- name: make_lane: Makes the lane; waits for another call that makes it at the same time.
INSERT INTO lane (account_id, endpoint, identifier_type, fields)
SELECT id, %(endpoint)s, %(identifier_type)s, %(fields)s::text[]
FROM account WHERE name = %(account)s AND removed_at IS NULL
ON CONFLICT DO NOTHING

-- name: by_idempotency_key: The request of the account that has the key.
SELECT r.id, r.content_hash, r.total FROM request r JOIN account a ON a.id = r.account_id
WHERE a.name = %(account)s AND r.account_key = %(idempotency_key)s

-- name: insert_request: The request, and what it wants; the lane that it is in. No row, and nothing done: the lane
-- is new, the account is unknown, or another request of the account has this idempotency key.
--
-- New enrichments become pending, stale or given-up ones start their next cycle, pending ones take the
-- higher priority; the rest is only locked, which keeps a merge from settling it between here and the
-- insertion of the items. Key order, like every step: no deadlocks.
WITH made AS (
    INSERT INTO request (id, lane_id, priority, account_key, content_hash, max_age, total, metadata,
                         finished_at)
    SELECT %(id)s::uuid, lane.id, %(priority)s::smallint, %(idempotency_key)s::text,
           %(content_hash)s::bytea, %(max_age)s::interval, %(total)s::integer, %(metadata)s::jsonb,
           CASE WHEN %(total)s::integer = 0 THEN now() END
    FROM lane JOIN account ON account.id = lane.account_id
    WHERE account.name = %(account)s AND account.removed_at IS NULL AND lane.endpoint = %(endpoint)s
      AND lane.identifier_type = %(identifier_type)s AND lane.fields = %(fields)s::text[]
    FOR KEY SHARE OF lane -- an empty one may be going; then there is no row, and it is made anew
    ON CONFLICT (account_id, account_key) DO NOTHING
    RETURNING lane_id
), wanted AS (
    INSERT INTO enrichment AS e (lane_id, key, identifier, state, priority, due_at, rank)
    SELECT DISTINCT ON (s.key) made.lane_id, s.key, s.identifier, 'pending', %(priority)s::smallint,
           clock_timestamp(), clock_timestamp() - %(head_start)s::interval
    FROM enrichd_enqueue AS s CROSS JOIN made
    ORDER BY s.key, s.position
    ON CONFLICT (lane_id, key) DO UPDATE SET
        state = 'pending',
        cycle = e.cycle + (e.state <> 'pending')::integer,
        attempts = CASE WHEN e.state = 'pending' THEN e.attempts ELSE 0 END,
        priority = excluded.priority,
        due_at = CASE WHEN e.state = 'pending' THEN e.due_at ELSE excluded.due_at END,
        rank = CASE WHEN e.state = 'pending' THEN e.due_at - %(head_start)s::interval
               ELSE excluded.rank END,
        settled_at = NULL,
        reason = NULL
    WHERE (e.state = 'pending' AND e.priority < excluded.priority)
       OR e.state IN ('failed', 'cancelled')
       OR (e.state IN ('fulfilled', 'not_found')
           AND e.settled_at <= clock_timestamp() - %(max_age)s::interval)
)
SELECT lane_id FROM made

-- name: insert_items: One item for each identifier the caller wrote; those already settled count at once.
-- Tells the daemon, when and if the transaction commits, unless nothing is left to be done. No row: the
-- account was removed before the request was there to keep it.
WITH item AS (
    INSERT INTO request_item (request_id, position, enrichment_id, cycle, value)
    SELECT %(id)s::uuid, s.position, e.id, e.cycle, s.value
    FROM enrichd_enqueue AS s JOIN enrichment e ON e.lane_id = %(lane_id)s AND e.key = s.key
    RETURNING enrichment_id, cycle
), hit AS (
    SELECT count(*) FILTER (WHERE outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE outcome = 'not_found') AS not_found
    FROM item JOIN result USING (enrichment_id, cycle)
), counted AS (
    UPDATE request SET
        fulfilled = hit.fulfilled,
        not_found = hit.not_found,
        finished_at = CASE WHEN hit.fulfilled + hit.not_found = total THEN now() END
    FROM hit
    WHERE id = %(id)s AND hit.fulfilled + hit.not_found > 0
)
SELECT CASE WHEN hit.fulfilled + hit.not_found < %(total)s
       THEN pg_notify('enrichd_wake', current_schema() || ' pack ' || account.name)::text END AS wake
FROM hit, account
WHERE account.name = %(account)s AND account.removed_at IS NULL

-- name: insert_few_items: The same for a small call: looks each up by its key, also when the plan is older than
-- the tables are large.
WITH item AS (
    INSERT INTO request_item (request_id, position, enrichment_id, cycle, value)
    SELECT %(id)s::uuid, s.position, e.id, e.cycle, s.value
    FROM enrichd_enqueue AS s CROSS JOIN LATERAL (
        SELECT id, cycle FROM enrichment WHERE lane_id = %(lane_id)s AND key = s.key LIMIT 1) e
    RETURNING enrichment_id, cycle
), hit AS (
    SELECT count(*) FILTER (WHERE outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE outcome = 'not_found') AS not_found
    FROM item CROSS JOIN LATERAL (
        SELECT outcome FROM result r
        WHERE r.enrichment_id = item.enrichment_id AND r.cycle = item.cycle LIMIT 1) r
), counted AS (
    UPDATE request SET
        fulfilled = hit.fulfilled,
        not_found = hit.not_found,
        finished_at = CASE WHEN hit.fulfilled + hit.not_found = total THEN now() END
    FROM hit
    WHERE id = %(id)s AND hit.fulfilled + hit.not_found > 0
)
SELECT CASE WHEN hit.fulfilled + hit.not_found < %(total)s
       THEN pg_notify('enrichd_wake', current_schema() || ' pack ' || account.name)::text END AS wake
FROM hit, account
WHERE account.name = %(account)s AND account.removed_at IS NULL

-- name: accounts: The accounts that the ledger has.
SELECT name FROM account WHERE removed_at IS NULL ORDER BY name
