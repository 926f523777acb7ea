-- name: lacking: The statements that give the role what it lacks to work on the ledger.
SELECT statement FROM (
    SELECT 1 AS nth, format('GRANT USAGE ON SCHEMA %%I TO %%I', n.nspname, current_user) AS statement
    FROM pg_namespace n WHERE n.nspname = %(schema)s AND NOT has_schema_privilege(n.oid, 'USAGE')
    UNION ALL
    SELECT DISTINCT 2, format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %%I TO %%I',
                              n.nspname, current_user)
    FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
    WHERE n.nspname = %(schema)s AND c.relkind = 'r' AND c.relname = ANY (%(tables)s)
      AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
               AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
    UNION ALL
    SELECT 3, format('GRANT TEMPORARY ON DATABASE %%I TO %%I', current_database(), current_user)
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
) AS wanted (nth, statement)
ORDER BY nth

-- name: lacking_to_migrate: The statements that give the role what it lacks to change the schema. None makes
-- it a superuser's.
SELECT statement FROM (
    SELECT 1 AS nth, format('CREATE SCHEMA %%I AUTHORIZATION %%I', %(schema)s::text, current_user)
           AS statement
    WHERE to_regnamespace(%(schema)s) IS NULL
      AND NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 2, format('GRANT USAGE, CREATE ON SCHEMA %%I TO %%I', n.nspname, current_user)
    FROM pg_namespace n WHERE n.nspname = %(schema)s
      AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE'))
    UNION ALL
    SELECT DISTINCT 3, format('GRANT %%I TO %%I', o.rolname, current_user)
    FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
    JOIN pg_roles o ON o.oid = c.relowner AND NOT o.rolsuper
    WHERE n.nspname = %(schema)s AND c.relkind = 'r' AND c.relname = ANY (%(tables)s)
      AND NOT pg_has_role(c.relowner, 'USAGE')
) AS wanted (nth, statement)
ORDER BY nth
