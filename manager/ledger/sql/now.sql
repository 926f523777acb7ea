-- name: spans: Each stay of a job in a slot that lasted into the window; the latest first. A job forgets
-- its slot when it leaves it; its history remembers. From the jobs that are live or ended within the window: as cheap
-- after years as on the first day.
WITH recent AS (
    SELECT id FROM job WHERE account_id = %(account_id)s
        AND state IN ('completed', 'packed', 'pending', 'processing', 'stopped', 'submitting')
        AND (state <> 'packed' OR submitting_at IS NOT NULL)
    UNION
    (SELECT id FROM job WHERE account_id = %(account_id)s AND completed_at > %(since)s
     ORDER BY completed_at DESC LIMIT %(limit)s)
    UNION
    (SELECT id FROM job WHERE account_id = %(account_id)s AND ended_at > %(since)s
     ORDER BY ended_at DESC LIMIT %(limit)s)
)
SELECT j.id AS job_id, j.lane_id, l.endpoint, l.identifier_type, j.identifier_count AS size, j.result_count, j.batch_id,
       j.state, coalesce((regexp_match(s.why, ' in slot (\d+)$'))[1]::integer, j.slot) AS slot, s.at AS began,
       gone.at AS ended, gone.to_state AS became, coalesce(gone.why, j.why) AS why
FROM recent r JOIN job j USING (id) JOIN lane l ON l.id = j.lane_id
JOIN job_event s ON s.job_id = j.id AND s.from_state = 'packed' AND s.to_state = 'submitting'
LEFT JOIN LATERAL (
    SELECT e.at, e.to_state, e.why FROM job_event e
    WHERE e.job_id = j.id AND e.id > s.id AND e.to_state NOT IN ('submitting', 'pending', 'processing')
    ORDER BY e.id LIMIT 1
) gone ON true
WHERE gone.at IS NULL OR gone.at > %(since)s
ORDER BY s.at DESC LIMIT %(limit)s

-- name: others: Others' jobs at the vendor that were seen within the window, by when they took a slot; those
-- that may be an unresolved submission's are not others' yet.
SELECT batch_id, entity, action, identifier_count AS size, whose, stage, coalesce(judged_why, '') AS why,
       least(v.first_seen_at, v.created_at) AS began,
       CASE WHEN stage IN ('pending', 'processing') AND v.last_seen_at >= a.looked_at THEN NULL
            ELSE coalesce(v.completed_at, v.last_seen_at) END AS ended
FROM vendor_job v JOIN account a ON a.id = v.account_id
WHERE v.account_id = %(account_id)s AND v.whose IN ('foreign', 'empty') AND v.last_seen_at > %(since)s
  AND (v.stage IN ('pending', 'processing') OR v.completed_at > %(since)s)
ORDER BY began DESC LIMIT %(limit)s

-- name: lanes: What waits in each lane that has anything to do: enrichments, counted up to `most` of them;
-- jobs that are packed, at the vendor, and done there. `oldest`: when the first in line became due.
SELECT l.id, l.endpoint, l.identifier_type, l.fields, w.waiting, w.waiting >= %(most)s AS uncounted, head.oldest,
       head.due_at, p.reason AS paused_reason,
       coalesce(j.packed, 0) AS packed, coalesce(j.packed_identifiers, 0) AS packed_identifiers,
       coalesce(j.active, 0) AS active, coalesce(j.active_identifiers, 0) AS active_identifiers,
       coalesce(j.unmerged, 0) AS unmerged, coalesce(j.unmerged_identifiers, 0) AS unmerged_identifiers, j.first_packed
FROM lane l
LEFT JOIN endpoint_pause p ON p.account_id = l.account_id AND p.endpoint = l.endpoint
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting FROM (
        SELECT FROM enrichment e WHERE e.lane_id = l.id AND e.state = 'pending' LIMIT %(most)s) counted
) w
CROSS JOIN LATERAL (
    SELECT min(due_at) FILTER (WHERE due_at <= now()) AS oldest, min(due_at) AS due_at FROM (
        SELECT due_at FROM enrichment e WHERE e.lane_id = l.id AND e.state = 'pending' ORDER BY rank LIMIT 100) in_line
) head
LEFT JOIN (
    SELECT lane_id, count(*) FILTER (WHERE state = 'packed') AS packed,
           sum(identifier_count) FILTER (WHERE state = 'packed') AS packed_identifiers,
           count(*) FILTER (WHERE state IN ('submitting', 'pending', 'processing')) AS active,
           sum(identifier_count) FILTER (WHERE state IN ('submitting', 'pending', 'processing')) AS active_identifiers,
           count(*) FILTER (WHERE state IN ('completed', 'stopped')) AS unmerged,
           sum(identifier_count) FILTER (WHERE state IN ('completed', 'stopped')) AS unmerged_identifiers,
           min(created_at) FILTER (WHERE state = 'packed') AS first_packed
    FROM job WHERE account_id = %(account_id)s
      AND state IN ('completed', 'packed', 'pending', 'processing', 'stopped', 'submitting')
    GROUP BY lane_id
) j ON j.lane_id = l.id
WHERE l.account_id = %(account_id)s AND (w.waiting > 0 OR j.lane_id IS NOT NULL)
ORDER BY coalesce(head.oldest, j.first_packed, head.due_at), l.id

-- name: durations: How long the last jobs of a lane and of about a size took, from their submission on, in seconds; and
-- those of the lane whatever their size.
SELECT wanted.number, coalesce(alike.seconds, '{}') AS alike, coalesce(of_lane.seconds, '{}') AS of_lane
FROM unnest(%(lanes)s::integer[], %(sizes)s::integer[]) WITH ORDINALITY AS wanted (lane_id, size, number)
CROSS JOIN LATERAL (
    SELECT array_agg(extract(epoch FROM completed_at - accepted_at)::float) AS seconds FROM (
        SELECT completed_at, accepted_at FROM job d
        WHERE d.lane_id = wanted.lane_id AND d.completed_at IS NOT NULL AND d.state <> 'failed'
          AND d.identifier_count BETWEEN wanted.size / 2 AND wanted.size * 2
        ORDER BY d.completed_at DESC LIMIT 20) last
) alike
CROSS JOIN LATERAL (
    SELECT array_agg(extract(epoch FROM completed_at - accepted_at)::float) AS seconds FROM (
        SELECT completed_at, accepted_at FROM job d
        WHERE d.lane_id = wanted.lane_id AND d.completed_at IS NOT NULL AND d.state <> 'failed'
        ORDER BY d.completed_at DESC LIMIT 20) last
) of_lane
ORDER BY wanted.number

-- name: merging: How long the account's last jobs took from the vendor's end until they were merged, in seconds.
SELECT extract(epoch FROM ended_at - completed_at)::float AS seconds FROM job
WHERE account_id = %(account_id)s AND completed_at IS NOT NULL AND state = 'merged' AND ended_at >= completed_at
ORDER BY completed_at DESC LIMIT 20

-- name: pace: What jobs that ended came to, by periods of `seconds`: every one since then, the first one first.
-- What a job has delivered is found; what it was asked for besides is not.
SELECT period.at, count(j.id) AS jobs,
       coalesce(sum(j.identifier_count) FILTER (WHERE j.state = 'merged'), 0)::bigint AS settled,
       coalesce(sum(least(coalesce(j.result_count, j.entities_fulfilled, 0), j.identifier_count))
                FILTER (WHERE j.state = 'merged'), 0)::bigint AS found,
       count(j.id) FILTER (WHERE j.state <> 'merged') AS jobs_failed,
       coalesce(sum(j.identifier_count) FILTER (WHERE j.state <> 'merged'), 0)::bigint AS failed
FROM generate_series(to_timestamp(floor(extract(epoch FROM %(since)s::timestamptz) / %(seconds)s) * %(seconds)s),
                     now(), make_interval(secs => %(seconds)s)) AS period (at)
LEFT JOIN (
    SELECT id, state, identifier_count, result_count, entities_fulfilled,
           to_timestamp(floor(extract(epoch FROM ended_at) / %(seconds)s) * %(seconds)s) AS at
    FROM job WHERE account_id = %(account_id)s AND ended_at > %(since)s AND state <> 'cancelled'
) j ON j.at = period.at
GROUP BY period.at ORDER BY period.at

-- name: moves: The last moves of jobs, the latest first; of the newest `among` of all accounts.
SELECT e.at, a.name AS account, e.job_id, e.from_state, e.to_state, e.why, e.by, j.identifier_count AS size, l.endpoint
FROM (SELECT * FROM job_event ORDER BY id DESC LIMIT %(among)s) e
JOIN job j ON j.id = e.job_id JOIN lane l ON l.id = j.lane_id JOIN account a ON a.id = j.account_id
WHERE %(account)s::text IS NULL OR a.name = %(account)s
ORDER BY e.id DESC LIMIT %(limit)s
