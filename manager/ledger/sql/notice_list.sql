-- name: listed: Notices, the newest first.
SELECT n.id, n.position, a.name AS account, n.event, n.request_id, n.state, n.attempts, n.created_at, n.due_at,
       n.ended_at, n.error, t.address, t.paused_at IS NOT NULL AS paused
FROM notice n JOIN target t ON t.id = n.target_id JOIN account a ON a.id = n.account_id
WHERE (%(account)s::text IS NULL OR a.name = %(account)s) AND (%(state)s::text IS NULL OR n.state = %(state)s)
  AND (%(request_id)s::uuid IS NULL OR n.request_id = %(request_id)s)
  AND (%(event)s::text IS NULL OR n.event = %(event)s)
  AND (%(before)s::bigint IS NULL OR n.position < %(before)s)
ORDER BY n.position DESC LIMIT %(limit)s

-- name: found: Those whose id begins so; two are enough to know that it is not one.
SELECT n.id, n.position, a.name AS account, n.event, n.request_id, n.state, n.attempts, n.created_at, n.due_at,
       n.ended_at, n.error, t.address, t.paused_at IS NOT NULL AS paused
FROM notice n JOIN target t ON t.id = n.target_id JOIN account a ON a.id = n.account_id
WHERE n.id BETWEEN %(first)s::uuid AND %(last)s::uuid ORDER BY n.id LIMIT 2

-- name: payload: What it tells.
SELECT payload FROM notice WHERE id = %(id)s

-- name: tries: Its history.
SELECT number, began_at, seconds, status, error FROM notice_attempt WHERE notice_id = %(id)s ORDER BY number

-- name: targets: All targets that are told anything, or that one, those in trouble first, and how many notices wait for
-- each.
SELECT t.id, t.address, t.events, t.failures, t.failing_since, t.retry_at, t.error, t.delivered_at, t.paused_at,
       t.gone_at, (SELECT count(*) FROM notice n WHERE n.target_id = t.id AND n.state = 'waiting') AS waiting,
       ARRAY(SELECT a.name FROM account a WHERE t.id = ANY (a.targets) ORDER BY a.name) AS accounts
FROM target t
WHERE %(id)s::bigint IS NULL OR t.id = %(id)s
ORDER BY t.gone_at IS NULL, t.failures = 0, t.id DESC LIMIT %(limit)s

-- name: again: Tells these again: what was abandoned, and what waits, now. Their targets are tried anew. What a
-- later notice has made old, or was told, stays so.
WITH again AS (
    UPDATE notice n SET state = 'waiting', ended_at = NULL, due_at = clock_timestamp(), created_at = CASE
        WHEN n.state = 'abandoned' THEN clock_timestamp() ELSE n.created_at END
    FROM target t JOIN account a ON true
    WHERE t.id = n.target_id AND a.id = n.account_id AND n.state IN ('abandoned', 'waiting')
      AND coalesce(n.leased_until <= clock_timestamp(), true)
      AND (%(id)s::uuid IS NULL OR n.id = %(id)s) AND (%(target)s::bigint IS NULL OR t.id = %(target)s)
      AND (%(account)s::text IS NULL OR a.name = %(account)s)
    RETURNING n.target_id, a.name
), tried AS (
    UPDATE target t SET retry_at = NULL, paused_at = NULL, gone_at = NULL, failing_since = NULL, failures = 0
    WHERE t.id IN (SELECT target_id FROM again) OR t.id = %(target)s::bigint
), woken AS (
    SELECT pg_notify('enrichd_wake', current_schema() || ' tell ' || name)
    FROM (SELECT DISTINCT name FROM again) told
)
SELECT (SELECT count(*) FROM again) + 0 * (SELECT count(woken) FROM woken) AS count

-- name: trouble: What somebody should know of the account's notices: targets that are gone or fail, what was
-- abandoned within a day, and since when what is due waits, while nothing keeps it waiting.
SELECT 'gone' AS kind, t.address, count(*) AS count, extract(epoch FROM clock_timestamp() - t.gone_at)::float AS seconds,
       t.error
FROM target t JOIN account a ON t.id = ANY (a.targets)
WHERE a.id = %(account_id)s AND t.gone_at IS NOT NULL GROUP BY t.id
UNION ALL
SELECT CASE WHEN t.paused_at IS NULL THEN 'failing' ELSE 'paused' END, t.address, w.count,
       extract(epoch FROM clock_timestamp() - t.failing_since)::float, t.error
FROM target t CROSS JOIN LATERAL (
    SELECT count(*) AS count FROM (
        SELECT FROM notice n WHERE n.account_id = %(account_id)s AND n.target_id = t.id AND n.state = 'waiting'
        LIMIT 10000) n) w
WHERE t.failures >= 3 AND t.gone_at IS NULL AND w.count > 0
UNION ALL
SELECT 'abandoned', t.address, count(*), extract(epoch FROM clock_timestamp() - max(n.ended_at))::float, max(n.error)
FROM notice n JOIN target t ON t.id = n.target_id
WHERE n.account_id = %(account_id)s AND n.state = 'abandoned' AND n.ended_at > now() - interval '1 day'
GROUP BY t.id
UNION ALL
SELECT 'late', t.address, 1, extract(epoch FROM clock_timestamp() - n.due_at)::float, n.error
FROM target t CROSS JOIN LATERAL (
    SELECT due_at, error, leased_until FROM notice n
    WHERE n.account_id = %(account_id)s AND n.target_id = t.id AND n.state = 'waiting'
    ORDER BY n.position LIMIT 1) n
WHERE t.failures = 0 AND n.due_at < clock_timestamp() - %(late)s::interval
  AND coalesce(n.leased_until <= clock_timestamp(), true)
