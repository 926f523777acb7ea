-- name: tables: The tables of the schema; none where there is no schema.
SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') ORDER BY c.relname

-- name: current: The revision that the schema is at.
SELECT version_num FROM enrichd_version

-- name: former: The revision that a release before 0.3 has noted, or that of another program.
SELECT version_num FROM alembic_version
