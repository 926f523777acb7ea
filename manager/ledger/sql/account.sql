-- name: account: The account's row. No row: the ledger has none of that name.
SELECT a.id, a.name, a.paused_reason, a.foreign_active,
       (SELECT count(*) FROM slot WHERE account_id = a.id) AS slots
FROM account a WHERE a.name = %(account)s AND a.removed_at IS NULL

-- name: account_names: The accounts that the ledger has.
SELECT name FROM account WHERE removed_at IS NULL ORDER BY name

-- name: make_account: The account, when it is new or was removed.
INSERT INTO account (name) VALUES (%(account)s)
ON CONFLICT (name) DO UPDATE SET removed_at = NULL WHERE account.removed_at IS NOT NULL

-- name: add_slots: As many slots as the cap.
INSERT INTO slot (account_id, number)
SELECT a.id, n FROM account a, generate_series(1, %(cap)s) n WHERE a.name = %(account)s
ON CONFLICT DO NOTHING

-- name: remove_slots: Those above the cap that no job has ever named, or that none will name again.
DELETE FROM slot USING account a
WHERE slot.account_id = a.id AND a.name = %(account)s AND number > %(cap)s
  AND NOT EXISTS (SELECT FROM job WHERE job.account_id = a.id AND job.slot = slot.number)

-- name: lock_account: Until the end of the transaction.
SELECT id FROM account WHERE id = %(account_id)s FOR NO KEY UPDATE

-- name: pause: Nothing new is submitted on the account until it is resumed.
UPDATE account SET paused_reason = %(reason)s, paused_for = %(kind)s, paused_at = now()
WHERE id = %(account_id)s AND paused_at IS NULL

-- name: resume: Submissions go on.
UPDATE account SET paused_reason = NULL, paused_for = NULL, paused_at = NULL
WHERE id = %(account_id)s AND paused_at IS NOT NULL

-- name: pause_keyless: Pauses an account that no daemon with a key for it has swept lately.
UPDATE account SET paused_reason = %(reason)s, paused_for = 'no_key', paused_at = now()
WHERE id = %(account_id)s AND paused_at IS NULL
  AND coalesce(swept_at, '-infinity') < now() - %(patience)s::interval

-- name: resume_keyless: The key is there now.
UPDATE account SET paused_reason = NULL, paused_for = NULL, paused_at = NULL
WHERE id = %(account_id)s AND paused_for = 'no_key'

-- name: pause_endpoint: Nothing new is submitted to the endpoint on this account; the others go on.
INSERT INTO endpoint_pause (account_id, endpoint, reason)
VALUES (%(account_id)s, %(endpoint)s, %(reason)s)
ON CONFLICT DO NOTHING

-- name: resume_endpoints: Submissions to the endpoint, or to all, go on.
DELETE FROM endpoint_pause
WHERE account_id = %(account_id)s AND (%(endpoint)s::text IS NULL OR endpoint = %(endpoint)s)

-- name: paused_endpoints: The endpoints that are paused on the account.
SELECT endpoint, reason, paused_at FROM endpoint_pause WHERE account_id = %(account_id)s
ORDER BY endpoint

-- name: swept: The pulse that `enrichd status` looks at.
UPDATE account SET swept_at = clock_timestamp() WHERE id = %(account_id)s
