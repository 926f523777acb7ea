-- name: begin: A transaction of ours, whatever isolation and mode are the default.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE

-- name: commit: Its end.
COMMIT

-- name: roll_back: Its end, when something went wrong.
ROLLBACK

-- name: savepoint: Begins what is undone as a whole inside a caller's transaction.
SAVEPOINT enrichd

-- name: undo: Undoes it, and what it has set.
ROLLBACK TO SAVEPOINT enrichd

-- name: release: Its end.
RELEASE SAVEPOINT enrichd
