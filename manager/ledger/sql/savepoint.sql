-- name: savepoint: Begins what is undone as a whole inside a caller's transaction.
SAVEPOINT enrichd

-- name: search_path: The caller's own, to be put back.
SELECT current_setting('search_path') AS value

-- name: set_search_path: Until the end of the transaction.
SELECT set_config('search_path', %(path)s, true)

-- name: rollback: Undoes it.
ROLLBACK TO SAVEPOINT enrichd

-- name: release: Its end.
RELEASE SAVEPOINT enrichd
