-- name: unresolved: The submission to resolve, with the seconds from its beginning until now and until the
-- last look. No row: it is resolved, or not due. Whoever was to write down how its call ended is gone: then
-- it ended by its time limit.
UPDATE job SET unresolved_at = coalesce(
    job.unresolved_at, least(clock_timestamp(), job.submitting_at + %(limit)s::interval))
FROM lane
WHERE lane.id = job.lane_id AND job.id = %(job_id)s AND job.account_id = %(account_id)s
  AND job.state = 'submitting' AND (job.due_at <= now() OR NOT %(due)s)
RETURNING job.id, job.identifier_count, job.attempts, job.failures, job.slot, job.unresolved_looks AS looks, job.webhook_at,
          job.submitting_at, lane.id AS lane_id, lane.endpoint, lane.identifier_type, lane.fields,
          extract(epoch FROM clock_timestamp() - job.submitting_at)::float AS age,
          coalesce(extract(epoch FROM (SELECT looked_at FROM account WHERE id = job.account_id)
                                      - job.submitting_at), 0)::float AS looked_at_age

-- name: state: In which state the job is.
SELECT state FROM job WHERE id = %(job_id)s AND account_id = %(account_id)s

-- name: candidates: The vendor's jobs that may be it: of its endpoint and size, not judged yet, or judged to
-- have delivered nothing, and not another account's. `likely` are those created between the beginning of
-- the call and its end plus a margin, by the vendor's clock, if our own jobs tell how that goes (`sure`);
-- `appeared` those that the list has shown since the call began, and soon enough (`listed_by`), by ours. The
-- likeliest first.
SELECT v.batch_id, v.status, v.stage, v.whose, v.result_count,
       v.judge_at <= clock_timestamp() AS judge_now,
       greatest(extract(epoch FROM v.judge_at - clock_timestamp())::float, 0) AS judge_in,
       v.judge_failures,
       CASE WHEN clock.sure AND s.at IS NOT NULL THEN s.at BETWEEN -%(before)s AND s.until
            ELSE coalesce(v.first_seen_at <= j.listed_by, true) END AS likely,
       coalesce(v.first_seen_at <= j.listed_by, true) AS appeared
FROM job j JOIN lane l ON l.id = j.lane_id JOIN account a ON a.id = j.account_id
JOIN vendor_job v ON v.account_id = j.account_id AND v.whose IN ('open', 'empty') AND l.endpoint = ANY (v.endpoints)
     AND coalesce(v.identifier_count, j.identifier_count) = j.identifier_count
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM v.created_at - j.submitting_at) - coalesce(a.clock_ahead, 0) AS at,
           extract(epoch FROM j.unresolved_at - j.submitting_at) + %(margin)s AS until
) s
CROSS JOIN (
    SELECT EXISTS (SELECT FROM vendor_job WHERE account_id = %(account_id)s AND whose = 'ours'
                   AND created_at IS NOT NULL) AS sure
) clock
WHERE j.id = %(job_id)s AND j.account_id = %(account_id)s AND v.first_seen_at >= j.submitting_at
  AND (NOT clock.sure OR coalesce(s.at >= -%(long_before)s, true))
  AND NOT EXISTS (SELECT FROM account o JOIN job k ON k.account_id = o.id
                  WHERE o.id <> v.account_id AND k.batch_id = v.batch_id)
ORDER BY likely DESC, abs(s.at), v.batch_id

-- name: submissions: Those of the account that the vendor's job may be; the asking one first.
SELECT j.id, l.identifier_type FROM job j JOIN lane l ON l.id = j.lane_id
JOIN vendor_job v ON v.account_id = j.account_id AND v.batch_id = %(batch_id)s
WHERE j.account_id = %(account_id)s AND j.state = 'submitting' AND l.endpoint = ANY (v.endpoints)
  AND coalesce(v.identifier_count, j.identifier_count) = j.identifier_count
ORDER BY j.id <> %(job_id)s

-- name: judge: A verdict, passed once and kept.
UPDATE vendor_job SET whose = %(whose)s, judged_at = clock_timestamp(), judged_why = %(why)s
WHERE account_id = %(account_id)s AND batch_id = %(batch_id)s AND whose IN ('open', 'empty')

-- name: judge_later: It cannot be read yet.
UPDATE vendor_job SET judged_why = %(why)s, judge_failures = least(judge_failures + %(failed)s::integer, 32767),
    judge_at = clock_timestamp() + %(wait)s::interval
WHERE account_id = %(account_id)s AND batch_id = %(batch_id)s AND whose = 'open'

-- name: lock_vendor_job: Before the job's own row, as a look locks them.
SELECT batch_id FROM vendor_job WHERE account_id = %(account_id)s AND batch_id = %(batch_id)s FOR UPDATE

-- name: adopt: It is ours.
UPDATE vendor_job SET whose = 'ours', job_id = %(job_id)s, judged_at = clock_timestamp(), judged_why = %(why)s
WHERE account_id = %(account_id)s AND batch_id = %(batch_id)s

-- name: again: Not resolved yet; when to look at it again. It is no failure.
UPDATE job SET why = %(why)s, waits_for = %(waits_for)s, due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state = 'submitting' AND attempts = %(attempts)s

-- name: known: Whether another job of the ledger, of whatever account, has that batch_id.
SELECT count(*) AS count FROM account a JOIN job j ON j.account_id = a.id
WHERE j.batch_id = %(batch_id)s AND j.id <> %(job_id)s
