-- name: account: The account, and how many slots it has. No row: it is not in the ledger.
SELECT a.id, a.paused_reason, a.foreign_active, (SELECT count(*) FROM slot WHERE account_id = a.id) AS cap
FROM account a WHERE a.name = %(account)s

-- name: due: All steps that are due, the oldest first. Submissions only as many as there are free slots, and
-- of a single identifier none while another such one is unresolved.
(SELECT 'submit' AS step, id FROM job
 WHERE account_id = %(account_id)s AND state = 'packed' AND due_at <= now()
   AND (identifier_count > 1 OR NOT %(one_unresolved)s)
 ORDER BY due_at, id
 LIMIT greatest(0, %(cap)s - (SELECT count(*) FROM job
                              WHERE account_id = %(account_id)s
                                AND state IN ('submitting', 'pending', 'processing'))))
UNION ALL
(SELECT 'resolve', id FROM job
 WHERE account_id = %(account_id)s AND state = 'submitting' AND due_at <= now() ORDER BY due_at)
UNION ALL
(SELECT 'merge', id FROM job
 WHERE account_id = %(account_id)s AND state = 'completed' AND due_at <= now() ORDER BY due_at LIMIT 20)

-- name: poll_due: Whether any active job is due for a poll.
SELECT EXISTS (SELECT FROM job WHERE account_id = %(account_id)s
               AND state IN ('pending', 'processing') AND due_at <= now()) AS due

-- name: holders: The jobs that hold slots.
SELECT slot, id, attempts FROM job
WHERE account_id = %(account_id)s AND state IN ('submitting', 'pending', 'processing')

-- name: set_foreign: How many active jobs at the vendor are not ours.
UPDATE account SET foreign_active = %(foreign_active)s
WHERE id = %(account_id)s AND foreign_active <> %(foreign_active)s

-- name: make_account: The account, when it is new.
INSERT INTO account (name) VALUES (%(account)s) ON CONFLICT DO NOTHING

-- name: add_slots: As many slots as the cap.
INSERT INTO slot (account_id, number)
SELECT a.id, n FROM account a, generate_series(1, %(cap)s) n WHERE a.name = %(account)s
ON CONFLICT DO NOTHING

-- name: remove_slots: Those above the cap that no job has ever named, or that none will name again.
DELETE FROM slot USING account a
WHERE slot.account_id = a.id AND a.name = %(account)s AND number > %(cap)s
  AND NOT EXISTS (SELECT FROM job WHERE job.account_id = a.id AND job.slot = slot.number)

-- name: swept: The pulse that `enrichd status` looks at.
UPDATE account SET swept_at = clock_timestamp() WHERE id = %(account_id)s

-- name: work_left: Whether anything waits or runs; an idle account is left in peace.
SELECT EXISTS (SELECT FROM job WHERE account_id = %(account_id)s AND ended_at IS NULL) AS jobs

-- name: ended_among: Which of these jobs have ended.
SELECT id FROM job WHERE id = ANY(%(job_ids)s) AND ended_at IS NOT NULL
