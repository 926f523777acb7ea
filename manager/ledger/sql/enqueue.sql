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
SELECT r.id, r.content_hash, r.total, r.hits, r.joined FROM request r JOIN account a ON a.id = r.account_id
WHERE a.name = %(account)s AND r.account_key = %(idempotency_key)s

-- name: insert_request: The request, and what it wants; the lane that it is in, and whether hard budgets may
-- refuse it: those are entered first, one call after the other. No row, and nothing done: the lane is new, the
-- account is unknown, or another request of the account has this idempotency key.
--
-- New enrichments become pending, stale or given-up ones start their next cycle, pending ones take the
-- higher priority, and linger no longer if this call does not; the rest is only locked, which keeps a merge from settling it between here and the
-- insertion of the items. Key order, like every step: no deadlocks. What waits for a budget is taken over by
-- whoever wants it, too: its tag pays.
WITH hard AS (
    SELECT b.name FROM budget b
    WHERE b.hard AND (b.tag IS NULL OR b.tag = %(tag)s::text)
      AND (b.account_id IS NULL OR b.account_id = (SELECT id FROM account WHERE name = %(account)s))
    ORDER BY b.name FOR NO KEY UPDATE
), entered AS (
    UPDATE budget SET asked_at = clock_timestamp() FROM hard WHERE budget.name = hard.name RETURNING 1
), made AS (
    INSERT INTO request (id, lane_id, priority, account_key, content_hash, max_age, total, metadata,
                         tag, targets, traceparent, finished_at)
    SELECT %(id)s::uuid, lane.id, %(priority)s::smallint, %(idempotency_key)s::text,
           %(content_hash)s::bytea, %(max_age)s::interval, %(total)s::integer, %(metadata)s::jsonb,
           %(tag)s::text, %(targets)s::bigint[], %(traceparent)s::text,
           CASE WHEN %(total)s::integer = 0 THEN now() END
    FROM lane JOIN account ON account.id = lane.account_id
    WHERE account.name = %(account)s AND account.removed_at IS NULL AND lane.endpoint = %(endpoint)s
      AND lane.identifier_type = %(identifier_type)s AND lane.fields = %(fields)s::text[]
      AND (SELECT count(*) FROM entered) >= 0
    FOR KEY SHARE OF lane -- an empty one may be going; then there is no row, and it is made anew
    ON CONFLICT (account_id, account_key) DO NOTHING
    RETURNING lane_id
), wanted AS (
    INSERT INTO enrichment AS e (lane_id, key, identifier, state, priority, due_at, rank, cause, tag,
                                 lingers)
    SELECT DISTINCT ON (s.key) made.lane_id, s.key, s.identifier, 'pending', %(priority)s::smallint,
           clock_timestamp(), clock_timestamp() - %(head_start)s::interval, %(id)s::uuid, %(tag)s::text,
           %(lingers)s::boolean
    FROM enrichd_enqueue AS s CROSS JOIN made
    ORDER BY s.key, s.position
    ON CONFLICT (lane_id, key) DO UPDATE SET
        state = 'pending',
        cycle = e.cycle + (e.state <> 'pending')::integer,
        attempts = CASE WHEN e.state = 'pending' THEN e.attempts ELSE 0 END,
        priority = CASE WHEN e.state = 'pending' THEN greatest(e.priority, excluded.priority)
                   ELSE excluded.priority END,
        due_at = CASE WHEN e.state = 'pending' THEN e.due_at ELSE excluded.due_at END,
        rank = CASE WHEN e.state = 'pending' AND e.rank < 'infinity'
                    THEN least(e.rank, e.due_at - %(head_start)s::interval)
               ELSE excluded.rank END,
        cause = CASE WHEN e.state = 'pending' AND e.rank < 'infinity' THEN e.cause ELSE excluded.cause END,
        tag = CASE WHEN e.state = 'pending' AND e.rank < 'infinity' THEN e.tag ELSE excluded.tag END,
        lingers = excluded.lingers AND (e.lingers OR e.state <> 'pending'),
        settled_at = NULL,
        reason = NULL
    WHERE (e.state = 'pending' AND (e.priority < excluded.priority OR e.lingers > excluded.lingers OR (
               e.rank = 'infinity' AND e.tag IS DISTINCT FROM excluded.tag)))
       OR e.state IN ('failed', 'cancelled')
       OR (e.state IN ('fulfilled', 'not_found')
           AND e.settled_at <= clock_timestamp() - %(max_age)s::interval)
)
SELECT lane_id, (SELECT count(*) FROM entered) > 0 AS capped FROM made

-- name: insert_items: One item for each identifier the caller wrote; those already settled count at once.
-- Tells the daemon, when and if the transaction commits, unless nothing is left to be done. No row: the
-- account was removed before the request was there to keep it. `begun`: purchases that are its own.
WITH wanted AS MATERIALIZED (
    SELECT s.position, s.value, e.id, e.cycle, e.cause
    FROM enrichd_enqueue AS s JOIN enrichment e ON e.lane_id = %(lane_id)s AND e.key = s.key
), item AS (
    INSERT INTO request_item (request_id, position, enrichment_id, cycle, value)
    SELECT %(id)s::uuid, s.position, s.id, s.cycle, s.value FROM wanted s
    RETURNING enrichment_id, cycle
), hit AS (
    SELECT count(*) FILTER (WHERE outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE outcome = 'not_found') AS not_found
    FROM item JOIN result USING (enrichment_id, cycle)
), own AS (
    SELECT count(DISTINCT id) AS begun FROM wanted WHERE cause = %(id)s
), counted AS (
    UPDATE request SET
        fulfilled = hit.fulfilled,
        not_found = hit.not_found,
        hits = hit.fulfilled + hit.not_found,
        joined = total - hit.fulfilled - hit.not_found - own.begun,
        finished_at = CASE WHEN hit.fulfilled + hit.not_found = total THEN now() END
    FROM hit, own
    WHERE id = %(id)s AND own.begun < total
)
SELECT own.begun, hit.fulfilled + hit.not_found AS hits, CASE WHEN hit.fulfilled + hit.not_found < %(total)s
       THEN pg_notify('enrichd_wake', current_schema() || ' pack ' || account.name)::text END AS wake
FROM hit, own, account
WHERE account.name = %(account)s AND account.removed_at IS NULL

-- name: insert_few_items: The same for a small call: looks each up by its key, also when the plan is older than
-- the tables are large.
WITH wanted AS MATERIALIZED (
    SELECT s.position, s.value, e.id, e.cycle, e.cause
    FROM enrichd_enqueue AS s CROSS JOIN LATERAL (
        SELECT id, cycle, cause FROM enrichment WHERE lane_id = %(lane_id)s AND key = s.key LIMIT 1) e
), item AS (
    INSERT INTO request_item (request_id, position, enrichment_id, cycle, value)
    SELECT %(id)s::uuid, s.position, s.id, s.cycle, s.value FROM wanted s
    RETURNING enrichment_id, cycle
), hit AS (
    SELECT count(*) FILTER (WHERE outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE outcome = 'not_found') AS not_found
    FROM item CROSS JOIN LATERAL (
        SELECT outcome FROM result r
        WHERE r.enrichment_id = item.enrichment_id AND r.cycle = item.cycle LIMIT 1) r
), own AS (
    SELECT count(DISTINCT id) AS begun FROM wanted WHERE cause = %(id)s
), counted AS (
    UPDATE request SET
        fulfilled = hit.fulfilled,
        not_found = hit.not_found,
        hits = hit.fulfilled + hit.not_found,
        joined = total - hit.fulfilled - hit.not_found - own.begun,
        finished_at = CASE WHEN hit.fulfilled + hit.not_found = total THEN now() END
    FROM hit, own
    WHERE id = %(id)s AND own.begun < total
)
SELECT own.begun, hit.fulfilled + hit.not_found AS hits, CASE WHEN hit.fulfilled + hit.not_found < %(total)s
       THEN pg_notify('enrichd_wake', current_schema() || ' pack ' || account.name)::text END AS wake
FROM hit, own, account
WHERE account.name = %(account)s AND account.removed_at IS NULL

-- name: accounts: The accounts that the ledger has.
SELECT name FROM account WHERE removed_at IS NULL ORDER BY name
