-- name: listen: Hears of each probe, as long as the session lasts.
LISTEN enrichd_probe

-- name: notify: Heard by all that listen.
SELECT pg_notify('enrichd_probe', %(nonce)s)

-- name: unlisten: Hears of them no more.
UNLISTEN enrichd_probe

-- name: begin: A pooler in statement mode refuses it.
BEGIN

-- name: commit: Its end.
COMMIT
