-- name: progress: Requests with their counters, the newest first.
SELECT r.id, a.name AS account, l.endpoint, l.identifier_type, l.fields, r.priority, r.total, r.fulfilled, r.not_found, r.failed,
       r.cancelled, r.metadata, r.created_at, r.finished_at, r.cancelled_at,
       r.tag, r.hits, r.joined, r.bought, r.credits,
       (SELECT told FROM waiting_for w) AS waits_for
FROM request r JOIN lane l ON l.id = r.lane_id JOIN account a ON a.id = l.account_id
WHERE r.id = ANY (%(ids)s::uuid[])
ORDER BY r.id DESC

-- name: find: A page of the requests that are asked for, the newest first, from before one on. What is looked
-- up by metadata is an array, which keeps to its index.
SELECT r.id FROM request r
WHERE (%(before)s::uuid IS NULL OR r.id < %(before)s::uuid)
  AND (%(open)s::boolean IS NULL OR (r.finished_at IS NULL) = %(open)s::boolean)
  AND (%(account)s::text IS NULL OR r.account_id = (SELECT id FROM account WHERE name = %(account)s::text))
  AND (%(tag)s::text IS NULL OR r.tag = %(tag)s::text)
  AND (%(idempotency_key)s::text IS NULL OR r.account_key = %(idempotency_key)s::text)
  AND (%(metadata)s::jsonb IS NULL OR r.id = ANY (ARRAY(
       SELECT id FROM request WHERE request.metadata @> %(metadata)s::jsonb)))
  AND (%(since)s::timestamptz IS NULL OR r.created_at >= %(since)s::timestamptz)
  AND (%(within)s::interval IS NULL OR r.created_at >= clock_timestamp() - %(within)s::interval)
ORDER BY r.id DESC
LIMIT %(limit)s::integer

-- name: results: A request's items in the caller's order, from a position on: at most `limit`, of
-- these outcomes (`waiting`: none yet), and no
-- more records than `bytes` as they are stored, but one at least. Records are the text of their JSON,
-- so that nothing of them is lost on the way to who reads it.
SELECT page.position, page.identifier, page.outcome, page.endpoint, page.internal_id,
       page.record::text AS record, page.reason, page.fetched_at
FROM (
    SELECT item.*, coalesce(sum(pg_column_size(record)) OVER before_it, 0) AS bytes
    FROM (
        SELECT i.position, i.value AS identifier, l.endpoint,
               CASE WHEN i.cancelled THEN 'cancelled' ELSE t.outcome END AS outcome,
               CASE WHEN NOT i.cancelled THEN t.internal_id END AS internal_id,
               CASE WHEN NOT i.cancelled THEN t.record END AS record,
               CASE WHEN i.cancelled THEN 'the request was cancelled' ELSE t.reason END AS reason,
               CASE WHEN NOT i.cancelled THEN t.fetched_at END AS fetched_at
        FROM request_item i JOIN request q ON q.id = i.request_id JOIN lane l ON l.id = q.lane_id
        LEFT JOIN result t USING (enrichment_id, cycle)
        WHERE i.request_id = %(id)s AND i.position >= %(position)s
          AND (%(outcomes)s::text[] IS NULL
               OR coalesce(CASE WHEN i.cancelled THEN 'cancelled' ELSE t.outcome END, 'waiting')
                  = ANY (%(outcomes)s::text[]))
        ORDER BY i.position
        LIMIT %(limit)s
    ) item
    WINDOW before_it AS (ORDER BY item.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) page
WHERE page.bytes < %(bytes)s
ORDER BY page.position

-- name: lock_enrichments: Keeps merges and enqueues from settling or joining what a cancel looks at.
SELECT count(*) AS count FROM (
    SELECT FROM enrichment e
    WHERE e.id IN (SELECT enrichment_id FROM request_item WHERE request_id = %(id)s)
    ORDER BY e.lane_id, e.key
    FOR UPDATE
) locked

-- name: cancel_items: Marks the items that are not settled yet; the request is finished by that.
WITH marked AS (
    UPDATE request_item i SET cancelled = true
    WHERE i.request_id = %(id)s AND NOT i.cancelled
      AND NOT EXISTS (SELECT FROM result t
                      WHERE t.enrichment_id = i.enrichment_id AND t.cycle = i.cycle)
    RETURNING 1
)
UPDATE request SET cancelled = cancelled + (SELECT count(*) FROM marked),
                   cancelled_at = now(), finished_at = now()
WHERE id = %(id)s AND finished_at IS NULL
RETURNING cancelled

-- name: cancel_enrichments: What waits and is wanted by no other request is not bought.
UPDATE enrichment e SET state = 'cancelled', settled_at = now(), reason = 'no request wants it any more'
WHERE e.state = 'pending'
  AND e.id IN (SELECT enrichment_id FROM request_item WHERE request_id = %(id)s)
  AND NOT EXISTS (SELECT FROM request_item i
                  WHERE i.enrichment_id = e.id AND i.cycle = e.cycle AND NOT i.cancelled)

-- name: finished: Tells those who wait for the request.
SELECT pg_notify('enrichd_finished', %(id)s::text)

-- name: listen: Hears of each request that is finished, as long as the session lasts.
LISTEN enrichd_finished
