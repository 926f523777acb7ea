-- name: lock: Whether this connection alone looks from now on, as long as it lasts.
SELECT pg_try_advisory_lock(hashtext(current_schema() || ' look'), %(account_id)s) AS locked

-- name: due: The look that is due. No row: none is.
SELECT look_at, look_failures, looked_at FROM account
WHERE id = %(account_id)s AND look_at <= clock_timestamp() AND removed_at IS NULL

-- name: look_now: A hint, for example a webhook: look at once.
UPDATE account SET look_at = clock_timestamp() WHERE id = %(account_id)s

-- name: look_by: Look no later than that, unless the vendor does not answer: then it is given its time.
UPDATE account SET look_at = least(look_at, clock_timestamp() + make_interval(secs => %(wait)s))
WHERE id = %(account_id)s AND look_error IS NULL

-- name: schedule: When to look next, unless a hint came meanwhile.
UPDATE account SET
    look_at = CASE WHEN look_at = %(planned)s THEN clock_timestamp() + make_interval(secs => %(wait)s)
                   ELSE look_at END,
    look_waits_for = %(waits_for)s, look_error = %(error)s,
    look_failures = CASE WHEN %(failed)s THEN least(look_failures + 1, 32767)
                         WHEN %(error)s::text IS NULL AND %(waits_for)s::text IS NULL THEN 0
                         ELSE look_failures END
WHERE id = %(account_id)s
RETURNING greatest(extract(epoch FROM look_at - clock_timestamp()), 0)::float AS wait

-- name: say_nothing_is_heard: What our jobs at the vendor wait for while its list cannot be had.
UPDATE job SET waits_for = %(waits_for)s
WHERE account_id = %(account_id)s AND state IN ('pending', 'processing') AND waits_for IS DISTINCT FROM %(waits_for)s

-- name: horizon: How far back the list has to be read: to the oldest of our jobs whose end is not known
-- yet; and which those are. By the vendor's clock, and further as long as that is not known.
SELECT batch_id, coalesce(accepted_at, submitting_at) + make_interval(secs => coalesce(a.clock_ahead, 0))
       - CASE WHEN a.clock_ahead IS NULL THEN %(margin)s ELSE %(near)s END::interval AS since
FROM job j JOIN account a ON a.id = j.account_id
WHERE j.account_id = %(account_id)s AND j.state IN ('submitting', 'pending', 'processing')

-- name: see: Writes down what was seen. What has ended has ended, whatever a lagging list says later.
INSERT INTO vendor_job AS v (account_id, batch_id, entity, action, endpoints, identifier_count, status, stage,
                             result_count, entities_fulfilled, created_at, completed_at)
SELECT %(account_id)s, s.batch_id, s.entity, s.action, s.endpoints, s.identifier_count, s.status, s.stage,
       s.result_count, s.entities_fulfilled, s.created_at, s.completed_at
FROM jsonb_to_recordset(%(seen)s::jsonb) AS s (
    batch_id text, entity text, action text, endpoints text[], identifier_count integer, status text,
    stage text, result_count integer, entities_fulfilled integer, created_at timestamptz, completed_at timestamptz)
ON CONFLICT (account_id, batch_id) DO UPDATE SET
    identifier_count = coalesce(excluded.identifier_count, v.identifier_count),
    status = CASE WHEN v.stage IN ('completed', 'failed', 'stopped') THEN v.status ELSE excluded.status END,
    stage = CASE WHEN v.stage IN ('completed', 'failed', 'stopped') THEN v.stage ELSE excluded.stage END,
    result_count = CASE WHEN v.stage IN ('completed', 'failed', 'stopped') THEN v.result_count ELSE excluded.result_count END,
    entities_fulfilled = CASE WHEN v.stage IN ('completed', 'failed', 'stopped') THEN v.entities_fulfilled ELSE excluded.entities_fulfilled END,
    created_at = coalesce(excluded.created_at, v.created_at),
    completed_at = coalesce(excluded.completed_at, v.completed_at),
    last_seen_at = clock_timestamp()

-- name: own: Those of them that the ledger knows are ours.
UPDATE vendor_job v SET
    whose = 'ours', job_id = j.id, judged_at = clock_timestamp(), judged_why = 'the ledger knows it'
FROM job j
WHERE v.account_id = %(account_id)s AND j.account_id = v.account_id AND j.batch_id = v.batch_id
  AND v.batch_id = ANY (ARRAY(SELECT s ->> 'batch_id' FROM jsonb_array_elements(%(seen)s::jsonb) s))
  AND v.whose <> 'ours'

-- name: own_of_another: Those that the ledger knows are another account's, where two share one at the vendor.
UPDATE vendor_job v SET
    whose = 'foreign', judged_at = clock_timestamp(), judged_why = 'it is account ' || a.name || '''s'
FROM account a JOIN job j ON j.account_id = a.id
WHERE v.account_id = %(account_id)s AND v.whose = 'open' AND a.id <> v.account_id AND j.batch_id = v.batch_id

-- name: exclude: What no submission of ours that is under way or unresolved can be is another's: others
-- have their batch_id in the ledger, or are certainly not at the vendor. By when it was created only if
-- our own jobs tell how the vendor's clock goes (`sure`); by when it was first seen in any case.
UPDATE vendor_job v SET
    whose = 'foreign', judged_at = clock_timestamp(),
    judged_why = 'no submission of ours was under way that it could be'
WHERE v.account_id = %(account_id)s AND v.whose = 'open'
  AND NOT EXISTS (
      SELECT FROM job j JOIN lane l ON l.id = j.lane_id
      WHERE j.account_id = v.account_id AND j.state = 'submitting' AND l.endpoint = ANY (v.endpoints)
        AND coalesce(v.identifier_count, j.identifier_count) = j.identifier_count
        AND v.first_seen_at >= j.submitting_at
        AND (NOT %(sure)s OR coalesce(
             v.created_at >= j.submitting_at + make_interval(secs => %(clock_ahead)s) - %(stale)s::interval, true)))

-- name: working: Our jobs that the vendor works on.
UPDATE job j SET
    state = s.state, why = CASE WHEN j.state = s.state THEN j.why ELSE 'the vendor works on it' END,
    vendor_status = v.status, failures = 0, looks = 0, error = NULL, waits_for = NULL,
    processing_at = CASE WHEN s.state = 'processing' THEN coalesce(j.processing_at, clock_timestamp()) END,
    result_count = v.result_count, entities_fulfilled = v.entities_fulfilled
FROM vendor_job v, LATERAL (
    SELECT CASE WHEN (v.stage, old.state) = ('pending', 'pending') THEN 'pending' ELSE 'processing' END AS state,
           old.state AS before
    FROM job old WHERE old.id = v.job_id
) s
WHERE v.job_id = j.id AND j.account_id = %(account_id)s AND j.state IN ('pending', 'processing')
  AND v.stage IN ('pending', 'processing')
  AND (j.state <> s.state OR j.waits_for IS NOT NULL OR j.failures > 0 OR j.looks > 0 OR j.error IS NOT NULL
       OR j.result_count IS DISTINCT FROM v.result_count OR j.vendor_status IS DISTINCT FROM v.status)
RETURNING j.id, j.batch_id, s.before, j.state, j.why

-- name: ended: Our jobs that the vendor is done with: their slots are free, their results wait to be merged.
UPDATE job j SET
    state = CASE WHEN v.stage = 'completed' THEN 'completed' ELSE 'stopped' END,
    why = CASE WHEN v.stage = 'completed' THEN 'the vendor is done'
               ELSE 'the vendor says ' || coalesce(nullif(v.status, ''), 'that it has ended') END,
    slot = NULL, vendor_status = v.status, failures = 0, looks = 0, error = NULL, waits_for = NULL,
    completed_at = clock_timestamp(), due_at = clock_timestamp(),
    entities_fulfilled = v.entities_fulfilled,
    result_count = CASE WHEN v.stage = 'completed' THEN v.result_count END
FROM vendor_job v
WHERE v.job_id = j.id AND j.account_id = %(account_id)s AND j.state IN ('pending', 'processing')
  AND v.stage IN ('completed', 'failed', 'stopped')
RETURNING j.id, j.batch_id, '' AS before, j.state, j.why

-- name: count_look: One more look for what is unresolved, as far back as the list was read; and news of those
-- that may be it make it due. A look that began `late` after the call had ended would
-- have shown it, so what is first seen after `listed_by` is not it. (`looks` is what the first release goes by,
-- and counts itself, too.)
UPDATE job j SET looks = least(j.looks + 1, 32767), unresolved_looks = least(j.unresolved_looks + 1, 32767),
    listed_by = coalesce(j.listed_by, CASE WHEN %(began)s >= j.unresolved_at + %(late)s::interval THEN clock_timestamp() END),
    due_at = CASE WHEN EXISTS (
        SELECT FROM vendor_job v JOIN lane l ON l.id = j.lane_id
        WHERE v.account_id = j.account_id AND v.whose = 'open' AND v.stage IN ('completed', 'failed', 'stopped')
          AND v.judge_at <= clock_timestamp() AND l.endpoint = ANY (v.endpoints)
          AND coalesce(v.identifier_count, j.identifier_count) = j.identifier_count
    ) THEN least(j.due_at, clock_timestamp()) ELSE j.due_at END
WHERE j.account_id = %(account_id)s AND j.state = 'submitting' AND j.unresolved_at IS NOT NULL
  AND j.submitting_at + make_interval(secs => %(clock_ahead)s) - %(near)s::interval >= %(read_to)s

-- name: keep_looking: Looks at once where the next look is further away than any is planned while the vendor has,
-- or may have, a job of ours: whoever submitted it has planned none, being dead, or of the first release.
UPDATE account SET look_at = clock_timestamp()
WHERE id = %(account_id)s AND look_at > clock_timestamp() + %(longest)s::interval
  AND look_error IS NULL AND look_waits_for IS NULL
  AND EXISTS (SELECT FROM job WHERE account_id = %(account_id)s
              AND (state IN ('pending', 'processing') OR (state = 'submitting' AND unresolved_at IS NOT NULL)))

-- name: count_foreign: How many active jobs are certainly not ours. An open one may be a submission's that is
-- under way or unresolved, which has its slot already. One that the list should have shown and did not is gone;
-- one that has been at work for hours takes no slot of ours: the vendor's 429 would say so.
WITH active AS (
    SELECT whose, count(*) AS count FROM vendor_job
    WHERE account_id = %(account_id)s AND stage IN ('pending', 'processing') AND whose <> 'ours'
      AND last_seen_at > now() - interval '1 day' AND (last_seen_at >= %(began)s OR created_at < %(read_to)s)
      AND first_seen_at > now() - interval '6 hours'
    GROUP BY whose
)
UPDATE account SET foreign_active = found.count
FROM (
    SELECT coalesce(sum(count) FILTER (WHERE whose <> 'open'), 0) + greatest(
               coalesce(sum(count) FILTER (WHERE whose = 'open'), 0)
               - (SELECT count(*) FROM job WHERE account_id = %(account_id)s AND state = 'submitting'), 0) AS count
    FROM active
) found
WHERE id = %(account_id)s AND foreign_active <> found.count

-- name: clock: How the vendor's clock goes and its list lags, by our own jobs where there are some (`sure`).
SELECT coalesce(own.ahead, %(date_ahead)s, a.clock_ahead, 0)::float AS clock_ahead,
       own.ahead IS NOT NULL AS sure, coalesce(own.lag, a.list_lag)::float AS list_lag
FROM account a, (
    SELECT min(extract(epoch FROM v.created_at - j.submitting_at)) AS ahead,
           max(extract(epoch FROM v.first_seen_at - j.accepted_at)) FILTER (
               WHERE v.first_seen_at > j.accepted_at AND j.unresolved_at IS NULL) AS lag
    FROM (SELECT * FROM job WHERE account_id = %(account_id)s AND accepted_at IS NOT NULL
          ORDER BY accepted_at DESC LIMIT 10) j
    JOIN vendor_job v ON v.job_id = j.id
) own
WHERE a.id = %(account_id)s

-- name: looked: What was learnt. The account comes last of all that a look locks.
UPDATE account SET looked_at = %(began)s, list_lag = %(list_lag)s,
    clock_ahead = CASE WHEN %(sure)s OR %(date_ahead)s::float IS NOT NULL OR clock_ahead IS NOT NULL
                       THEN %(clock_ahead)s END
WHERE id = %(account_id)s

-- name: unseen: Our jobs that the list does not show, or that the vendor did not answer for; the longest
-- without word first. The list may lag behind their acceptance.
SELECT j.id, j.batch_id, j.failures, j.looks,
       extract(epoch FROM clock_timestamp() - greatest(j.accepted_at, v.last_seen_at))::float AS silent
FROM job j LEFT JOIN vendor_job v ON v.job_id = j.id
WHERE j.account_id = %(account_id)s AND j.state IN ('pending', 'processing') AND j.due_at <= now()
  AND coalesce(v.last_seen_at, '-infinity') < %(began)s
  AND j.accepted_at < clock_timestamp() - %(lag)s::interval
ORDER BY coalesce(v.last_seen_at, j.accepted_at) LIMIT %(limit)s

-- name: unanswered: The question about the job could not be answered; it may well go on. `looks` counts how
-- often in a row the vendor did not know it.
UPDATE job SET
    failures = least(failures + %(failed)s::integer, 32767), error = %(error)s,
    looks = CASE WHEN %(unknown)s THEN looks + 1 ELSE 0 END,
    due_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(job_id)s AND account_id = %(account_id)s AND state IN ('pending', 'processing')

-- name: running: What holds slots at the vendor, or may: our active jobs, candidates of unresolved
-- submissions, foreign jobs. With how long it has run already when it was last seen at work, and how long
-- the lane's last 20 of about its size took at the vendor, by its own clock where it says.
SELECT r.kind, r.age, r.unseen, coalesce(past.seconds, '{}') AS seconds, r.batch_id
FROM (
    SELECT 'ours' AS kind, j.batch_id, j.lane_id, j.identifier_count AS size,
           extract(epoch FROM clock_timestamp() - j.accepted_at)::float AS age,
           extract(epoch FROM clock_timestamp() - greatest(coalesce(v.last_seen_at, j.accepted_at), j.accepted_at))::float
               AS unseen
    FROM job j LEFT JOIN vendor_job v ON v.job_id = j.id
    WHERE j.account_id = %(account_id)s AND j.state IN ('pending', 'processing')
    UNION ALL
    SELECT 'open', NULL, j.lane_id, j.identifier_count,
           extract(epoch FROM clock_timestamp() - coalesce(j.unresolved_at, j.submitting_at))::float,
           extract(epoch FROM clock_timestamp() - coalesce(a.looked_at, j.submitting_at))::float
    FROM job j JOIN account a ON a.id = j.account_id
    WHERE j.account_id = %(account_id)s AND j.state = 'submitting' AND j.unresolved_at IS NOT NULL
    UNION ALL
    SELECT 'foreign', NULL, NULL, identifier_count,
           extract(epoch FROM clock_timestamp() - first_seen_at)::float,
           extract(epoch FROM clock_timestamp() - last_seen_at)::float
    FROM vendor_job
    WHERE account_id = %(account_id)s AND stage IN ('pending', 'processing') AND whose <> 'ours'
      AND last_seen_at >= (SELECT looked_at FROM account WHERE id = %(account_id)s)
) r LEFT JOIN LATERAL (
    SELECT array_agg(extract(epoch FROM coalesce(last.vendors, last.completed_at - last.accepted_at))::float) AS seconds
    FROM (
        SELECT d.accepted_at, d.completed_at, v.completed_at - v.created_at AS vendors
        FROM job d LEFT JOIN vendor_job v ON v.job_id = d.id
        WHERE d.lane_id = r.lane_id AND d.completed_at IS NOT NULL AND d.state <> 'failed'
          AND d.identifier_count BETWEEN r.size / 2 AND r.size * 2
        ORDER BY d.completed_at DESC LIMIT 20
    ) last
) past ON true

-- name: waiting: Whether work waits for a slot: jobs that are packed, or enrichments that may be, which those
-- are not that are held for a budget, or of a lane that is paused. By their queue: where much waits a planner would
-- rather look for the first in the whole table.
SELECT EXISTS (SELECT FROM job j JOIN lane l ON l.id = j.lane_id
               WHERE j.account_id = %(account_id)s AND j.state = 'packed' AND l.paused_at IS NULL)
    OR EXISTS (SELECT FROM lane l WHERE l.account_id = %(account_id)s AND l.paused_at IS NULL
               AND (SELECT true FROM enrichment e WHERE e.lane_id = l.id AND e.state = 'pending' AND e.rank < 'infinity'
                    ORDER BY e.rank LIMIT 1)) AS waiting

-- name: list_wanted: Whether the list itself is to be asked, whatever a single job may tell: it was not had for too
-- long, or a submission was refused since. Then others' jobs may have taken the slots.
SELECT a.looked_at IS NULL OR a.looked_at < clock_timestamp() - %(longest)s::interval
       OR EXISTS (SELECT FROM job WHERE account_id = a.id AND state = 'packed' AND failures > 0
                  AND submitting_at > a.looked_at) AS wanted
FROM account a WHERE a.id = %(account_id)s

-- name: heard: Whether the vendor's webhooks have come for the last jobs that ended.
SELECT count(*) >= 3 AND bool_and(webhook_at IS NOT NULL) AS heard
FROM (SELECT webhook_at FROM job WHERE account_id = %(account_id)s AND completed_at IS NOT NULL
      ORDER BY completed_at DESC LIMIT 5) last

-- name: told: Whether a webhook has come for a job whose end the list does not show yet.
SELECT EXISTS (SELECT FROM job WHERE account_id = %(account_id)s AND state IN ('pending', 'processing')
               AND webhook_at > now() - interval '2 minutes') AS told

-- name: given_up: Whether a job that was given up lately may still deliver.
SELECT EXISTS (
    SELECT FROM job j LEFT JOIN vendor_job v ON v.job_id = j.id
    WHERE j.account_id = %(account_id)s AND j.state = 'failed' AND j.given_up_at > now() - interval '7 days'
      AND coalesce(v.stage, 'processing') IN ('pending', 'processing')) AS given_up

-- name: now: The ledger's clock.
SELECT clock_timestamp() AS now
