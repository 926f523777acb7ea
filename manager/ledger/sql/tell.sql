-- name: is_kept: Whether the account's targets are these.
SELECT a.targets IS NOT DISTINCT FROM (
    SELECT array_agg(t.id ORDER BY t.id) FROM target t
    WHERE t.address = ANY (%(addresses)s::text[]) AND t.events = %(events)s::text[])
    AND coalesce(cardinality(a.targets), 0) = cardinality(%(addresses)s::text[]) AS kept
FROM account a WHERE a.id = %(account_id)s

-- name: keep: The account's targets, as the settings name them; null for none.
UPDATE account SET targets = nullif(%(ids)s::bigint[], '{}') WHERE id = %(account_id)s

-- name: in_turn: Until the end of the transaction no other process takes notices: so it sees all that is being told.
SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' tell', 0))::text AS locked

-- name: claim: Takes the next notices, as long as the lease lasts: nobody else tells them meanwhile, and when this
-- process dies they are told again. Of a request and a target the first that waits, or none; no more of a host
-- than it may be told at once (of the database as many as one likes), and one at a time of a target that fails. Targets that have
-- not taken what they were told last, or nothing yet, have no more than their share of the room: that they do not
-- answer keeps none of the proven ones waiting. Goes from target to target, so that those which wait for one that
-- fails are not read.
WITH RECURSIVE waiting AS (
    (SELECT target_id FROM notice WHERE account_id = %(account_id)s AND state = 'waiting'
     ORDER BY target_id LIMIT 1)
    UNION ALL
    SELECT (SELECT n.target_id FROM notice n
            WHERE n.account_id = %(account_id)s AND n.state = 'waiting' AND n.target_id > w.target_id
            ORDER BY n.target_id LIMIT 1)
    FROM waiting w WHERE w.target_id IS NOT NULL
), busy AS (
    SELECT t.host, count(*) AS count FROM notice n JOIN target t ON t.id = n.target_id
    WHERE n.leased_until > clock_timestamp() GROUP BY t.host
), open AS (
    SELECT t.id, t.host, t.failures, t.host = 'postgres' OR (t.failures = 0 AND t.delivered_at IS NOT NULL) AS proven,
           (CASE WHEN t.host = 'postgres' THEN %(limit)s WHEN t.failures > 0 THEN 1 ELSE %(concurrency)s END - coalesce(b.count, 0))::integer AS room
    FROM waiting w JOIN target t ON t.id = w.target_id LEFT JOIN busy b USING (host)
    WHERE t.gone_at IS NULL AND coalesce(t.retry_at <= clock_timestamp(), true)
), ready AS (
    SELECT n.id, n.position, o.failures, o.proven, o.room, row_number() OVER (PARTITION BY o.host ORDER BY n.position) AS nth
    FROM open o CROSS JOIN LATERAL (
        SELECT n.id, n.position FROM notice n
        WHERE n.account_id = %(account_id)s AND n.target_id = o.id AND n.state = 'waiting'
          AND n.due_at <= clock_timestamp()
          AND coalesce(n.leased_until <= clock_timestamp(), true)
          AND NOT EXISTS (SELECT FROM notice earlier
                          WHERE earlier.request_id = n.request_id AND earlier.target_id = n.target_id
                            AND earlier.position < n.position AND earlier.state = 'waiting')
        ORDER BY n.position LIMIT greatest(o.room, 0)) n
), ranked AS (
    SELECT id, position, proven, row_number() OVER (PARTITION BY proven ORDER BY failures > 0, position) AS nth
    FROM ready WHERE nth <= room
), chosen AS (
    SELECT n.id FROM notice n
    WHERE n.id IN (SELECT id FROM ranked WHERE proven OR nth <= %(unproven)s
                   ORDER BY proven DESC, nth LIMIT %(limit)s)
      AND n.state = 'waiting' AND coalesce(n.leased_until <= clock_timestamp(), true)
    FOR UPDATE SKIP LOCKED
)
UPDATE notice n SET attempts = n.attempts + 1, leased_until = clock_timestamp() + %(lease)s::interval
FROM chosen, target t WHERE n.id = chosen.id AND t.id = n.target_id
RETURNING n.id, n.position, n.attempts, n.event, n.created_at, n.payload, t.address, t.failures,
    t.failures = 0 AND t.delivered_at IS NOT NULL AS proven, n.request_id,
    (SELECT r.traceparent FROM request r WHERE r.id = n.request_id) AS traceparent

-- name: lock_targets: In the order of their ids: no deadlock with another process that writes down what it has told.
SELECT id FROM target WHERE id IN (SELECT target_id FROM notice WHERE id = ANY (%(ids)s::uuid[]))
ORDER BY id FOR NO KEY UPDATE

-- name: write_down: What came of these tries, and how their targets fare. One that could not be told is told again
-- after its wait, unless a later one says more, or it is too old, or its target is gone.
WITH tried AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(numbers)s::integer[], %(seconds)s::float[], %(statuses)s::integer[],
                         %(errors)s::text[], %(waits)s::interval[], %(gone)s::boolean[])
        AS tried (id, number, seconds, status, error, wait, gone)
), noted AS (
    INSERT INTO notice_attempt (notice_id, number, began_at, seconds, status, error)
    SELECT t.id, t.number, clock_timestamp() - make_interval(secs => t.seconds), t.seconds, t.status, t.error
    FROM tried t JOIN notice USING (id)
    ON CONFLICT DO NOTHING
), judged AS (
    SELECT t.*, CASE
        WHEN t.error IS NULL THEN 'told'
        WHEN t.gone OR n.created_at < clock_timestamp() - %(patience)s::interval THEN 'abandoned'
        WHEN n.event = 'request.progress' AND EXISTS (
            SELECT FROM notice later WHERE later.request_id = n.request_id AND later.target_id = n.target_id
              AND later.position > n.position AND later.state = 'waiting') THEN 'superseded'
        ELSE 'waiting' END AS state
    FROM tried t JOIN notice n USING (id)
), ended AS (
    UPDATE notice n SET state = j.state, error = j.error, due_at = clock_timestamp() + j.wait, leased_until = NULL,
        ended_at = CASE WHEN j.state <> 'waiting' THEN clock_timestamp() END
    FROM judged j
    WHERE n.id = j.id AND n.state = 'waiting' AND (j.error IS NULL OR n.attempts = j.number)
), fared AS (
    SELECT n.target_id, count(*) FILTER (WHERE t.error IS NOT NULL) AS failed, bool_or(t.error IS NULL) AS told,
           bool_or(t.gone) AS gone, max(t.error) AS error, max(t.wait) AS wait
    FROM tried t JOIN notice n USING (id) GROUP BY n.target_id
)
UPDATE target t SET
    failures = CASE WHEN f.told THEN 0 ELSE t.failures + f.failed END,
    failing_since = CASE WHEN NOT f.told THEN coalesce(t.failing_since, clock_timestamp()) END,
    error = CASE WHEN NOT f.told THEN f.error END,
    delivered_at = CASE WHEN f.told THEN clock_timestamp() ELSE t.delivered_at END,
    gone_at = CASE WHEN f.gone THEN coalesce(t.gone_at, clock_timestamp()) ELSE t.gone_at END,
    paused_at = CASE WHEN NOT f.told AND t.failing_since < clock_timestamp() - %(pause_after)s::interval
                     THEN coalesce(t.paused_at, clock_timestamp()) END,
    retry_at = CASE
        WHEN f.told THEN NULL
        WHEN t.failing_since < clock_timestamp() - %(pause_after)s::interval
        THEN clock_timestamp() + greatest(f.wait, %(rarely)s::interval)
        WHEN t.failures + f.failed >= %(few)s THEN clock_timestamp() + f.wait END
FROM fared f WHERE t.id = f.target_id

-- name: abandon_gone: What waits for targets that are gone is told nobody.
UPDATE notice n SET state = 'abandoned', ended_at = clock_timestamp(), leased_until = NULL, error = 'the target is gone'
FROM target t
WHERE t.id = n.target_id AND t.gone_at IS NOT NULL AND n.account_id = %(account_id)s AND n.state = 'waiting'

-- name: abandon_old: What has waited too long for targets that fail; the oldest of each, so many at a time.
UPDATE notice n SET state = 'abandoned', ended_at = clock_timestamp(), leased_until = NULL,
    error = coalesce(n.error, old.error)
FROM (
    SELECT o.id, t.error FROM target t CROSS JOIN LATERAL (
        SELECT id, created_at, attempts FROM notice
        WHERE account_id = %(account_id)s AND target_id = t.id AND state = 'waiting'
          AND coalesce(leased_until <= clock_timestamp(), true)
        ORDER BY position LIMIT 1000) o
    WHERE t.failures > 0 AND o.created_at < clock_timestamp() - %(patience)s::interval
) old
WHERE n.id = old.id AND n.state = 'waiting' AND coalesce(n.leased_until <= clock_timestamp(), true)

-- name: notify: Tells channels of the database, when and if this transaction commits.
SELECT pg_notify(channel, payload) FROM unnest(%(channels)s::text[], %(payloads)s::text[]) AS told (channel, payload)
