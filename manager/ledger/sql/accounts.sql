-- name: listed: Every account, also those that were removed.
SELECT a.id, a.name, (SELECT count(*) FROM slot WHERE account_id = a.id) AS slots, a.paused_reason,
       a.removed_at, a.created_at,
       (SELECT count(*) FROM job WHERE account_id = a.id AND ended_at IS NULL) AS live_jobs,
       (SELECT count(*) FROM request r JOIN lane l ON l.id = r.lane_id
        WHERE l.account_id = a.id AND r.finished_at IS NULL) AS open_requests
FROM account a ORDER BY a.name

-- name: lock: The account, kept from being packed, enqueued to or removed by others meanwhile.
SELECT id FROM account WHERE name = %(account)s AND removed_at IS NULL FOR UPDATE

-- name: no_packing: Until the end of the transaction no packer is at work.
SELECT pg_advisory_xact_lock(hashtext(current_schema() || ' pack'), %(account_id)s)

-- name: pending: How many of its enrichments wait.
SELECT count(*) AS count FROM enrichment e JOIN lane l ON l.id = e.lane_id
WHERE l.account_id = %(account_id)s AND e.state = 'pending'

-- name: remove: It is served and asked no more; what it bought stays.
UPDATE account SET removed_at = now(), paused_at = NULL, paused_reason = NULL, paused_for = NULL
WHERE id = %(account_id)s

-- name: rename: Its new name.
UPDATE account SET name = %(name)s WHERE id = %(account_id)s

-- name: wake: Lets the daemon see at once what an operator has done.
SELECT pg_notify('enrichd_wake', current_schema() || ' sweep ' || %(account)s)
