-- name: lane: The account, and the lane where it is there already. No row: the account is unknown.
SELECT (SELECT lane.id FROM lane
        WHERE lane.account_id = account.id AND lane.endpoint = %(endpoint)s
          AND lane.identifier_type = %(identifier_type)s AND lane.fields = %(fields)s::text[]) AS lane_id
FROM account WHERE account.name = %(account)s AND account.removed_at IS NULL

-- name: count_keys: What an enqueue of these keys would do; they are distinct. It reads, and locks nothing.
SELECT count(*) FILTER (WHERE e.id IS NULL) AS new,
       count(*) FILTER (WHERE e.state IN ('failed', 'cancelled')) AS unsuccessful,
       count(*) FILTER (WHERE e.settled_at <= f.since AND e.state IN ('fulfilled', 'not_found')) AS stale,
       count(*) FILTER (WHERE e.state = 'pending') AS pending,
       count(*) FILTER (WHERE e.state = 'packed') AS in_job,
       count(*) FILTER (WHERE e.settled_at > f.since AND e.state IN ('fulfilled', 'not_found')) AS fresh,
       min(e.settled_at) FILTER (WHERE e.settled_at > f.since AND e.state IN ('fulfilled', 'not_found')) AS oldest,
       max(e.settled_at) FILTER (WHERE e.settled_at > f.since AND e.state IN ('fulfilled', 'not_found')) AS newest
FROM (SELECT clock_timestamp() - %(max_age)s::interval AS since OFFSET 0) f
CROSS JOIN unnest(%(keys)s::text[]) AS given (key)
LEFT JOIN enrichment e ON e.lane_id = %(lane_id)s::integer AND e.key = given.key COLLATE "C"

-- name: pace: The account's slots, its jobs that come before, and the seconds that its last 20 of about
-- that size on the endpoint took; NULL when there were none.
SELECT (SELECT count(*) FROM slot WHERE slot.account_id = account.id) AS slots,
       (SELECT count(*) FROM job WHERE job.account_id = account.id AND job.ended_at IS NULL
        AND job.state IN ('packed', 'submitting', 'pending', 'processing')) AS ahead,
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - accepted_at))
        FROM (SELECT job.accepted_at, job.completed_at FROM job JOIN lane ON lane.id = job.lane_id
              WHERE job.account_id = account.id AND lane.endpoint = %(endpoint)s AND job.state <> 'failed'
                AND job.accepted_at IS NOT NULL AND job.completed_at IS NOT NULL
                AND job.identifier_count BETWEEN %(size)s::integer / 2 AND %(size)s::integer * 2
              ORDER BY job.completed_at DESC LIMIT 20) last)::float AS seconds
FROM account WHERE account.name = %(account)s AND account.removed_at IS NULL
