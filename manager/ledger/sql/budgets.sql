-- name: prices: Credits a record of the account, by endpoint.
SELECT p.endpoint, p.credits FROM price p JOIN account a ON a.id = p.account_id WHERE a.name = %(account)s

-- name: standing: How the budgets stand: of the account (NULL: any), and of the tag unless `any_tag`. What is in
-- flight is reserved at its most, what waits is counted too. `dearest`: the price of the dearest record that
-- waits; `unpriced`: an endpoint that waits and has none. Reads counters and live jobs, never the history.
SELECT b.name, a.name AS account, b.tag, b.per, b.timezone, b.hard, b.credits, b.records, p.since, p.until,
       b.blocked_until, b.reached_at,
       spent.credits AS spent_credits, spent.records::bigint AS spent_records,
       reserved.credits AS reserved_credits, reserved.records::bigint AS reserved_records,
       waiting.credits AS waiting_credits, waiting.records::bigint AS waiting_records,
       waiting.dearest, waiting.unpriced
FROM budget b LEFT JOIN account a ON a.id = b.account_id
CROSS JOIN LATERAL (
    -- where clocks are put back at midnight a day begins twice, and Postgres means the second time: till then
    -- it is still the day before, else what is bought in that hour would count in neither
    SELECT CASE WHEN date_trunc(b.per, now AT TIME ZONE b.timezone) AT TIME ZONE b.timezone > now
                THEN now - interval '1 hour' ELSE now END AS moment
    FROM (SELECT clock_timestamp() AS now) c
) m
CROSS JOIN LATERAL (
    SELECT date_trunc(b.per, m.moment AT TIME ZONE b.timezone) AT TIME ZONE b.timezone AS since,
           (date_trunc(b.per, m.moment AT TIME ZONE b.timezone) + ('1 ' || b.per)::interval)
           AT TIME ZONE b.timezone AS until
) p
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE d.name = 'credits'), 0) AS credits,
           coalesce(sum(amount) FILTER (WHERE d.name = 'bought'), 0) AS records
    FROM day_counter d
    WHERE d.name IN ('bought', 'credits') AND d.at >= p.since
      AND (b.account_id IS NULL OR d.account_id = b.account_id) AND (b.tag IS NULL OR d.tag = b.tag)
) spent
CROSS JOIN LATERAL (
    SELECT coalesce(sum(j.count), 0) AS records, coalesce(sum(j.count * j.price), 0) AS credits
    FROM (
        SELECT coalesce(j.price, 0) AS price,
               CASE WHEN b.tag IS NULL THEN j.identifier_count
                    WHEN j.tags IS NOT NULL THEN coalesce((j.tags ->> b.tag)::integer, 0)
                    ELSE (SELECT count(*) FROM enrichment e WHERE e.job_id = j.id AND e.tag = b.tag) END AS count
        FROM job j
        WHERE j.ended_at IS NULL AND (b.account_id IS NULL OR j.account_id = b.account_id)
        UNION ALL -- given up, and may still be delivered
        SELECT coalesce(j.price, 0),
               CASE WHEN b.tag IS NULL THEN j.identifier_count ELSE coalesce((j.tags ->> b.tag)::integer, 0) END
        FROM job j
        WHERE j.given_up_at > now() - interval '7 days' AND j.state = 'failed'
          AND (b.account_id IS NULL OR j.account_id = b.account_id)
    ) j
) reserved
CROSS JOIN LATERAL (
    SELECT coalesce(sum(w.count), 0) AS records, coalesce(sum(w.count * x.credits), 0) AS credits,
           max(x.credits) AS dearest, min(w.endpoint) FILTER (WHERE x.credits IS NULL) AS unpriced
    FROM (
        SELECT l.account_id, l.endpoint, sum(c.amount) AS count
        FROM waiting_counter c JOIN lane l ON l.id = c.lane_id
        WHERE (b.account_id IS NULL OR l.account_id = b.account_id) AND (b.tag IS NULL OR c.tag = b.tag)
        GROUP BY l.account_id, l.endpoint HAVING sum(c.amount) > 0
    ) w LEFT JOIN price x ON x.account_id = w.account_id AND x.endpoint = w.endpoint
) waiting
WHERE (%(account)s::text IS NULL OR b.account_id IS NULL OR a.name = %(account)s)
  AND (%(any_tag)s OR b.tag IS NULL OR b.tag = %(tag)s::text) AND (b.hard OR NOT %(only_hard)s)
ORDER BY b.name

-- name: of_request: Which budget keeps what waits of the request r from being bought, as far as its last items tell.
-- Whoever has begun a purchase pays for it. Stands for `waiting_for` in others' statements.
(SELECT 'the budget ' || b.name || ', until '
        || to_char(b.blocked_until AT TIME ZONE b.timezone, 'YYYY-MM-DD HH24:MI ') || b.timezone AS told
 FROM budget b
 WHERE r.finished_at IS NULL AND b.blocked_until > clock_timestamp()
   AND (b.account_id IS NULL OR b.account_id = r.account_id)
   AND EXISTS (
       SELECT FROM (SELECT enrichment_id, cycle FROM request_item
                    WHERE request_id = r.id AND NOT cancelled ORDER BY position DESC LIMIT 10000) i
       JOIN enrichment e ON e.id = i.enrichment_id AND e.cycle = i.cycle
       WHERE e.state = 'pending' AND (b.tag IS NULL OR b.tag = e.tag))
 ORDER BY b.blocked_until DESC LIMIT 1)
