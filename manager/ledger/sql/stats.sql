-- name: counted: What was counted in a time, by what is asked for: a row for each number of each group. Reads the
-- counters of that time alone: one an hour, and of what is older than two months one a day.
SELECT to_char(d.at AT TIME ZONE %(timezone)s, %(period)s) AS period,
       CASE WHEN %(account)s THEN coalesce(a.name, 'removed account ' || d.account_id) END AS account,
       CASE WHEN %(endpoint)s OR %(lane)s THEN d.endpoint END AS endpoint,
       CASE WHEN %(lane)s THEN d.lane_id END AS lane_id,
       CASE WHEN %(lane)s THEN l.identifier_type END AS identifier_type,
       CASE WHEN %(lane)s THEN l.fields END AS fields,
       CASE WHEN %(tag)s THEN d.tag END AS tag,
       d.name, sum(d.amount) AS amount
FROM day_counter d LEFT JOIN account a ON a.id = d.account_id LEFT JOIN lane l ON l.id = d.lane_id
WHERE d.at >= %(since)s AND d.at < %(until)s
  AND (%(only_account)s::text IS NULL OR a.name = %(only_account)s)
  AND (%(only_tag)s::text IS NULL OR d.tag = %(only_tag)s)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8

-- name: by_metadata: The same of a time's requests by what their callers said under a key; by the day of the call.
-- Reads the requests of that time through their ids, which are in the order of time.
SELECT to_char(r.created_at AT TIME ZONE %(timezone)s, %(period)s) AS period,
       CASE WHEN %(account)s THEN a.name END AS account,
       CASE WHEN %(endpoint)s OR %(lane)s THEN l.endpoint END AS endpoint,
       CASE WHEN %(lane)s THEN l.id END AS lane_id,
       CASE WHEN %(lane)s THEN l.identifier_type END AS identifier_type,
       CASE WHEN %(lane)s THEN l.fields END AS fields,
       CASE WHEN %(tag)s THEN coalesce(r.tag, '') END AS tag,
       r.metadata ->> %(key)s AS metadata, count(*) AS requests, sum(r.total) AS asked, sum(r.hits) AS hits,
       sum(r.joined) AS joined, sum(r.bought) AS bought, sum(r.not_found) AS not_found, sum(r.failed) AS failed,
       sum(r.credits) AS credits,
       sum(r.total - r.hits) FILTER (WHERE r.finished_at IS NOT NULL) AS settled,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.finished_at - r.created_at))
           FILTER (WHERE r.hits < r.total) AS wait_median,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM r.finished_at - r.created_at))
           FILTER (WHERE r.hits < r.total) AS wait_p95
FROM request r JOIN lane l ON l.id = r.lane_id JOIN account a ON a.id = l.account_id
WHERE r.id >= %(first)s AND r.created_at >= %(since)s AND r.created_at < %(until)s
  AND (%(only_account)s::text IS NULL OR a.name = %(only_account)s)
  AND (%(only_tag)s::text IS NULL OR r.tag = %(only_tag)s)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8

-- name: pace: What each budget has spent in the last day.
SELECT b.name, coalesce(sum(d.amount) FILTER (WHERE d.name = 'credits'), 0) AS credits,
       coalesce(sum(d.amount) FILTER (WHERE d.name = 'bought'), 0)::bigint AS records
FROM budget b LEFT JOIN day_counter d
  ON d.name IN ('bought', 'credits') AND d.at >= clock_timestamp() - interval '1 day'
 AND (b.account_id IS NULL OR d.account_id = b.account_id) AND (b.tag IS NULL OR d.tag = b.tag)
GROUP BY b.name

-- name: spent: Credits that the account has spent today and this month.
SELECT coalesce(sum(amount) FILTER (WHERE at >= date_trunc('day', clock_timestamp() AT TIME ZONE %(timezone)s)
                                                AT TIME ZONE %(timezone)s), 0) AS today,
       coalesce(sum(amount), 0) AS month
FROM day_counter
WHERE name = 'credits' AND account_id = %(account_id)s
  AND at >= date_trunc('month', clock_timestamp() AT TIME ZONE %(timezone)s) AT TIME ZONE %(timezone)s
