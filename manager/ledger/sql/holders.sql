-- name: holders: Who may hold what was waited for: has locked rows or tables of the ledger in a transaction that
-- has been open for so many seconds; first who waits for nobody, and longest. Needs no settings.
SELECT a.pid, a.application_name AS application, a.usename::text AS role, host(a.client_addr) AS address,
       to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS since, a.state
FROM pg_catalog.pg_stat_activity a
WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.datname = pg_catalog.current_database()
  AND coalesce(a.xact_start <= pg_catalog.clock_timestamp() - %(waited)s * interval '1 second', true)
  AND a.pid IN (SELECT l.pid FROM pg_catalog.pg_locks l
                JOIN pg_catalog.pg_class c ON c.oid = l.relation
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE l.granted AND l.mode <> 'AccessShareLock'
                  AND n.nspname = %(schema)s::text AND c.relname = ANY (%(tables)s::text[]))
ORDER BY coalesce(a.wait_event_type, '') = 'Lock', a.xact_start
LIMIT 3
