-- name: account_id: The account's id; no row when the ledger does not have it.
SELECT id FROM account WHERE name = %(account)s AND removed_at IS NULL

-- name: whose: Whose these jobs of the vendor's list are; NULL is one that no look has seen yet.
SELECT s.batch_id, CASE WHEN j.id IS NOT NULL THEN 'ours' ELSE v.whose END AS whose
FROM unnest(%(batch_ids)s::text[]) AS s (batch_id)
LEFT JOIN job j ON j.account_id = %(account_id)s AND j.batch_id = s.batch_id
LEFT JOIN vendor_job v ON v.account_id = %(account_id)s AND v.batch_id = s.batch_id

-- name: last_accepted: How many seconds ago the vendor accepted a job last.
SELECT extract(epoch FROM clock_timestamp() - max(accepted_at))::float AS ago
FROM job WHERE account_id = %(account_id)s

-- name: unresolved: How many submissions of which nobody knows whether the vendor has them.
SELECT count(*) AS count FROM job
WHERE account_id = %(account_id)s AND state = 'submitting' AND unresolved_at IS NOT NULL

-- name: webhooks: Of the last jobs with a webhook that ended: how many there are, and of how many it came.
SELECT count(*) AS ended, count(webhook_at) AS told
FROM (SELECT webhook_at FROM job WHERE completed_at IS NOT NULL AND token_hash IS NOT NULL
      ORDER BY completed_at DESC LIMIT 20) last

-- name: jobs_in: In which state these jobs are.
SELECT id, state, ended_at IS NOT NULL AS ended FROM job WHERE id = ANY (%(job_ids)s)

-- name: work: Of every account: whether there is anything to do, and how long ago it was swept.
SELECT a.name, extract(epoch FROM clock_timestamp() - a.swept_at)::float AS swept_ago, a.paused_reason,
       a.paused_for,
       (SELECT count(*) FROM job WHERE account_id = a.id AND ended_at IS NULL) AS live_jobs,
       (SELECT count(*) FROM request r JOIN lane l ON l.id = r.lane_id
        WHERE l.account_id = a.id AND r.finished_at IS NULL) AS open_requests
FROM account a WHERE a.removed_at IS NULL ORDER BY a.name

-- name: listeners: Who listens for enqueues, by name; only a role of ours is shown the statement.
SELECT application_name FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'enrichd:%%' AND query = 'LISTEN enrichd_wake'

-- name: data_directory: Where Postgres keeps its files; NULL for a role that may not know.
SELECT current_setting('data_directory', true) AS path
WHERE pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')

-- name: server: What server it is, and the session.
SELECT pg_backend_pid() AS pid, pg_is_in_recovery() AS in_recovery, current_user::text AS role,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       clock_timestamp() AS now, current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes

-- name: ledger_id: The ledger's own id.
SELECT id FROM ledger

-- name: limit_asking: Until the end of the transaction: how long a question may take, and where the ledger is.
SELECT set_config('statement_timeout', %(timeout)s, true) IS NOT NULL
       AND set_config('search_path', %(schema)s, true) IS NOT NULL AS set

-- name: autovacuum: Whether it is on.
SELECT current_setting('autovacuum') AS autovacuum

-- name: settings: What the session was given, whoever has set it.
SELECT name, current_setting(name) AS value FROM pg_settings WHERE lower(name) = ANY (%(names)s)

-- name: encrypted: Whether this session is, and how; no row where the server does not tell.
SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()

-- name: sizes: How large the ledger is, and its largest tables, in bytes with indexes; and the database.
SELECT pg_database_size(current_database()) AS database, coalesce(sum(bytes), 0)::bigint AS ledger,
       coalesce((array_agg(name ORDER BY bytes DESC))[1:3], '{}') AS largest
FROM (
    SELECT c.relname::text AS name, pg_total_relation_size(c.oid) AS bytes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p')
) tables

-- name: dead_rows: Tables in which more than `share` of the rows, and at least `least`, are dead.
SELECT relname::text AS name, n_dead_tup AS dead, n_live_tup AS live,
       extract(epoch FROM now() - greatest(last_autovacuum, last_vacuum))::float AS vacuumed_ago
FROM pg_stat_user_tables
WHERE schemaname = %(schema)s AND n_dead_tup > %(least)s
  AND n_dead_tup > %(share)s * (n_live_tup + n_dead_tup)
ORDER BY n_dead_tup DESC

-- name: wraparound: The age of the oldest row that was not frozen, and from which on Postgres acts by itself.
SELECT age(datfrozenxid) AS age, current_setting('autovacuum_freeze_max_age')::integer AS most
FROM pg_database WHERE datname = current_database()

-- name: connections: How many connections there are to the server, and to ours of the daemon and its callers.
SELECT count(*) AS used, count(*) FILTER (WHERE application_name LIKE 'enrichd:%%') AS ours,
       current_setting('max_connections')::integer
       - current_setting('superuser_reserved_connections')::integer AS most
FROM pg_stat_activity WHERE backend_type = 'client backend'

-- name: oldest_transaction: The transaction that has been open for longest; it keeps dead rows from being removed.
SELECT extract(epoch FROM now() - xact_start)::float AS seconds, application_name, state, pid
FROM pg_stat_activity
WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'
ORDER BY xact_start LIMIT 1
