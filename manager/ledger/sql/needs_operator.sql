-- name: note: Tells the account's targets, each once, of jobs that need an operator: an unresolved submission that
-- stays so, a job that was overdue at the vendor when its list was seen last, results that cannot be merged. Looks
-- at live jobs, and at those that have ended within a day; at none when nobody is to be told.
SELECT coalesce((
    SELECT note(jsonb_agg(jsonb_build_object(
        'name', 'job.needs_operator', 'account_id', j.account_id,
        'once', n.needs || ' ' || j.id || ' ' || j.attempts,
        'payload', jsonb_build_object(
            'job_id', j.id, 'account', a.name, 'batch_id', j.batch_id, 'state', j.state, 'needs', n.needs,
            'identifier_count', j.identifier_count, 'since', n.since, 'why', left(n.why, 1000)))))
    FROM account a JOIN job j ON j.account_id = a.id
    LEFT JOIN LATERAL (
        SELECT max(extract(epoch FROM last.completed_at - last.accepted_at))::float AS longest
        FROM (SELECT accepted_at, completed_at FROM job d
              WHERE d.lane_id = j.lane_id AND d.completed_at IS NOT NULL AND d.state <> 'failed'
                AND d.identifier_count BETWEEN j.identifier_count / 2 AND j.identifier_count * 2
              ORDER BY d.completed_at DESC LIMIT 20) last
    ) past ON j.state IN ('pending', 'processing')
    CROSS JOIN LATERAL (
        SELECT 'resolve' AS needs, j.unresolved_at AS since, j.why
        WHERE j.state = 'submitting' AND j.unresolved_at < clock_timestamp() - %(unresolved)s::interval
        UNION ALL
        SELECT 'give-up', j.accepted_at, coalesce(j.error, j.why)
        WHERE j.state IN ('pending', 'processing')
          AND extract(epoch FROM a.looked_at - j.accepted_at)
              > greatest(%(least)s, %(factor)s * coalesce(past.longest, %(unknown)s))
        UNION ALL
        SELECT 'merge', coalesce(j.completed_at, j.ended_at), coalesce(j.error, j.why)
        WHERE (j.state IN ('completed', 'stopped') AND j.error IS NOT NULL AND j.failures >= %(tries)s)
           OR (j.state IN ('failed', 'expired') AND j.given_up_at IS NULL
               AND (j.state = 'expired' OR j.error LIKE 'the results cannot be merged%%'))
    ) n
    WHERE a.id = %(account_id)s AND a.targets IS NOT NULL
      AND (j.ended_at IS NULL OR j.ended_at > now() - interval '1 day')
), 0) AS told
