-- name: in_time: For this transaction: it changes nothing, and no statement takes longer than that.
SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', %(limit)s, true)

-- name: accounts: Every account, as it stands. Times are seconds since 1970.
SELECT a.id, a.name, a.paused_at IS NOT NULL AS paused, a.paused_for, a.foreign_active, a.look_failures,
       (SELECT count(*) FROM slot s WHERE s.account_id = a.id) AS slots,
       extract(epoch FROM a.swept_at)::float AS swept_at, extract(epoch FROM a.looked_at)::float AS looked_at,
       a.clock_ahead, a.list_lag
FROM account a WHERE a.removed_at IS NULL ORDER BY a.name

-- name: pauses: The endpoints that accounts may not use.
SELECT account_id, endpoint FROM endpoint_pause

-- name: jobs: The jobs that have not ended, by lane and state, and for how long the oldest has been in its state.
SELECT j.account_id, l.endpoint, l.identifier_type, j.state, count(*) AS count,
       sum(j.identifier_count)::bigint AS identifiers,
       greatest(extract(epoch FROM now() - min(CASE j.state
           WHEN 'packed' THEN j.created_at WHEN 'submitting' THEN j.submitting_at
           WHEN 'pending' THEN j.accepted_at WHEN 'processing' THEN coalesce(j.processing_at, j.accepted_at)
           ELSE j.completed_at END)), 0)::float AS oldest,
       count(*) FILTER (WHERE j.state = 'submitting' AND j.unresolved_at IS NOT NULL) AS unresolved,
       greatest(extract(epoch FROM now() - min(j.unresolved_at) FILTER (WHERE j.state = 'submitting')), 0)::float
           AS unresolved_oldest
FROM job j JOIN lane l ON l.id = j.lane_id
WHERE j.state IN ('completed', 'packed', 'pending', 'processing', 'stopped', 'submitting')
  AND j.account_id = ANY (%(accounts)s)
GROUP BY j.account_id, l.endpoint, l.identifier_type, j.state

-- name: backlog: For how long the first in line has waited, in the lanes of an endpoint and type. One row of
-- each lane, by its index.
SELECT l.account_id, l.endpoint, l.identifier_type,
       greatest(extract(epoch FROM now() - min(head.due_at)), 0)::float AS oldest
FROM lane l LEFT JOIN LATERAL (
    SELECT due_at FROM enrichment e WHERE e.lane_id = l.id AND e.state = 'pending' ORDER BY rank LIMIT 1
) head ON true
WHERE l.account_id = ANY (%(accounts)s)
GROUP BY l.account_id, l.endpoint, l.identifier_type

-- name: counters: What was counted, added up.
SELECT account_id, name, sum(amount)::bigint AS amount FROM account_counter
WHERE account_id = ANY (%(accounts)s) GROUP BY account_id, name

-- name: passes: How far retention has come. Times are seconds since 1970.
SELECT name, extract(epoch FROM ended_at)::float AS ended_at, seconds, removed FROM retention

-- name: tables: What each table takes, as Postgres counts along.
SELECT c.relname::text AS name, pg_total_relation_size(c.oid) AS bytes, coalesce(s.n_dead_tup, 0) AS dead
FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY c.relname

-- name: waiting: How many enrichments wait to be packed, from counters.
SELECT l.account_id, l.endpoint, l.identifier_type, sum(w.amount)::bigint AS count
FROM waiting_counter w JOIN lane l ON l.id = w.lane_id
WHERE l.account_id = ANY (%(accounts)s)
GROUP BY l.account_id, l.endpoint, l.identifier_type

-- name: notices: The notices that wait to be told, for how long the oldest has waited, and how many targets fail.
SELECT n.account_id, count(*) AS count, count(DISTINCT t.id) FILTER (WHERE t.failures > 0) AS failing,
       greatest(extract(epoch FROM now() - min(n.created_at)), 0)::float AS oldest
FROM notice n JOIN target t ON t.id = n.target_id
WHERE n.state = 'waiting' AND n.account_id = ANY (%(accounts)s) GROUP BY n.account_id
