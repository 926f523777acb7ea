-- name: known: The table's own row, which says how far retention has come in it.
INSERT INTO retention (name) VALUES (%(name)s) ON CONFLICT DO NOTHING

-- name: place: Where to go on, kept from other machines until the end of the transaction; `first` at the
-- beginning of a pass. No row: another machine is at it, or the last pass was lately.
SELECT coalesce(place, %(first)s) AS place FROM retention
WHERE name = %(name)s
  AND (place IS NOT NULL OR ended_at IS NULL
       OR ended_at <= now() - make_interval(secs => greatest(%(rest)s, 20 * seconds)))
FOR UPDATE SKIP LOCKED

-- name: went_on: In the transaction that has removed them; without a place the pass has ended.
UPDATE retention SET
    began_at = CASE WHEN place IS NULL THEN now() ELSE began_at END,
    ended_at = CASE WHEN %(place)s::text IS NULL THEN clock_timestamp() ELSE ended_at END,
    seconds = CASE WHEN place IS NULL THEN 0 ELSE seconds END
              + extract(epoch FROM clock_timestamp() - now()),
    removed = CASE WHEN place IS NULL THEN 0 ELSE removed END + %(removed)s,
    place = %(place)s
WHERE name = %(name)s

-- name: by_index: For this transaction: a batch is looked up row by row, whatever the planner's statistics say;
-- of tables as large as these it must read no more than the batch. (What is off counts as dear, and compiling
-- what is dear would take longer than the batch.)
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)

-- name: oldest_request: The newest request that is one too many. No row: there are not so many.
SELECT id::text AS key FROM request ORDER BY id DESC OFFSET %(count)s LIMIT 1

-- name: oldest_job: The newest job that is one too many.
SELECT id::text AS key FROM job ORDER BY id DESC OFFSET %(count)s LIMIT 1

-- name: oldest_event: The newest event that is one too many.
SELECT id::text AS key FROM job_event ORDER BY id DESC OFFSET %(count)s LIMIT 1

-- name: oldest_stray: The newest envelope that is one too many.
SELECT id::text AS key FROM stray ORDER BY id DESC OFFSET %(count)s LIMIT 1

-- name: oldest_vendor_job: When the last of others' jobs that is one too many was seen.
SELECT last_seen_at::text AS key FROM vendor_job WHERE whose IN ('foreign', 'empty')
ORDER BY last_seen_at DESC OFFSET %(count)s LIMIT 1

-- name: oldest_purchase: When the last job ended that is wholly one of purchases that are too many.
SELECT ended_at::text AS key FROM (
    SELECT ended_at, sum(identifier_count) OVER (ORDER BY ended_at DESC, id) - identifier_count AS newer
    FROM job WHERE state = 'merged'
) bought WHERE newer >= %(count)s ORDER BY ended_at DESC LIMIT 1

-- name: requests: Removes the next that are old, with their items, so many items at most: of a large request
-- its first ones, and its counters say of the rest what they did before. Its idempotency key is free then.
-- Nobody waits for what a merge or a caller holds.
WITH page AS MATERIALIZED (
    SELECT id, total, finished_at FROM request WHERE id > %(place)s::uuid ORDER BY id LIMIT %(limit)s
), old AS (
    SELECT id, sum(total) OVER (ORDER BY id) - total AS before_it FROM page
    WHERE finished_at < now() - %(age)s::interval OR (finished_at IS NOT NULL AND id <= %(beyond)s::uuid)
), locked AS MATERIALIZED (
    SELECT r.id, r.total, least(r.total, %(limit)s - old.before_it) AS count
    FROM old JOIN request r USING (id) WHERE old.before_it < %(limit)s ORDER BY r.id
    FOR UPDATE OF r SKIP LOCKED
), item AS (
    DELETE FROM request_item i USING (
        SELECT l.id, p.position FROM locked l CROSS JOIN LATERAL (
            SELECT position FROM request_item WHERE request_id = l.id ORDER BY position LIMIT l.count) p
    ) first
    WHERE i.request_id = first.id AND i.position = first.position
    RETURNING i.request_id, i.enrichment_id, i.cycle, i.cancelled
), cut AS MATERIALIZED (
    SELECT id FROM locked WHERE count < total
), part AS (
    SELECT cut.id, count(*) AS total,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'not_found') AS not_found,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'failed') AS failed,
           count(*) FILTER (WHERE i.cancelled) AS cancelled
    FROM cut JOIN item i ON i.request_id = cut.id LEFT JOIN result t USING (enrichment_id, cycle)
    GROUP BY cut.id
), shrunk AS (
    UPDATE request r SET
        total = r.total - part.total, fulfilled = r.fulfilled - part.fulfilled,
        not_found = r.not_found - part.not_found, failed = r.failed - part.failed,
        cancelled = r.cancelled - part.cancelled, account_key = NULL, idempotency_key = NULL
    FROM part WHERE part.id = r.id
), gone AS (
    DELETE FROM request r USING locked l WHERE r.id = l.id AND l.count = l.total RETURNING 1
), stop AS (
    SELECT min(id::text)::uuid AS id FROM (
        SELECT id FROM cut
        UNION ALL SELECT id FROM old WHERE before_it >= %(limit)s
    ) left_over
)
SELECT CASE WHEN count(page) > 0 THEN coalesce(
           max(page.id::text) FILTER (WHERE stop.id IS NULL OR page.id < stop.id), %(place)s::uuid::text) END AS place,
       (SELECT count(*) FROM gone) AS removed
FROM stop LEFT JOIN page ON true

-- name: next_enrichments: The last of the next so many.
SELECT max(id)::text AS place FROM (
    SELECT id FROM enrichment WHERE id > %(place)s::bigint ORDER BY id LIMIT %(limit)s
) page

-- name: lock_enrichments: Those among them that may have something to remove, and that nobody else holds. What
-- waits or is in a job is passed over, but for what its earlier cycles brought. (OFFSET 0: each is asked for by
-- itself, none by a look at the whole table.)
SELECT e.id FROM enrichment e
WHERE e.id > %(place)s::bigint AND e.id <= %(last)s::bigint
  AND ((e.state NOT IN ('pending', 'packed')
        AND (e.settled_at < now() - %(enrichments_age)s::interval OR e.settled_at <= %(enrichments_beyond)s::timestamptz
             OR e.key LIKE ' %%'
             OR NOT EXISTS (SELECT FROM result t WHERE t.enrichment_id = e.id OFFSET 0))
        AND NOT EXISTS (SELECT FROM request_item i WHERE i.enrichment_id = e.id OFFSET 0))
    OR EXISTS (SELECT FROM result t
               WHERE t.enrichment_id = e.id AND t.cycle < e.cycle
                 AND (t.fetched_at < now() - %(results_age)s::interval OR %(results_count)s::integer IS NOT NULL)
                 AND NOT EXISTS (SELECT FROM request_item i WHERE i.enrichment_id = e.id AND i.cycle = t.cycle) OFFSET 0))
FOR UPDATE SKIP LOCKED

-- name: remove_results: Outdated ones that no request names; never the newest, nor the newest record.
WITH ranked AS (
    SELECT enrichment_id, cycle, outcome, fetched_at,
           row_number() OVER (PARTITION BY enrichment_id ORDER BY cycle DESC) AS nth,
           row_number() OVER (PARTITION BY enrichment_id, outcome = 'fulfilled' ORDER BY cycle DESC) AS nth_alike
    FROM result WHERE enrichment_id = ANY (%(ids)s)
)
DELETE FROM result t USING ranked r
WHERE t.enrichment_id = r.enrichment_id AND t.cycle = r.cycle
  AND r.nth > 1 AND NOT (r.outcome = 'fulfilled' AND r.nth_alike = 1)
  AND (r.nth > %(results_count)s::integer OR r.fetched_at < now() - %(results_age)s::interval)
  AND NOT EXISTS (SELECT FROM request_item i WHERE i.enrichment_id = t.enrichment_id AND i.cycle = t.cycle)

-- name: remove_enrichments: Old ones that no request names, with all their results; and, however old, those
-- that have none, or that were forgotten.
WITH unwanted AS (
    SELECT e.id FROM enrichment e
    WHERE e.id = ANY (%(ids)s) AND e.state NOT IN ('pending', 'packed')
      AND (e.settled_at < now() - %(enrichments_age)s::interval OR e.settled_at <= %(enrichments_beyond)s::timestamptz
           OR e.key LIKE ' %%'
           OR NOT EXISTS (SELECT FROM result t WHERE t.enrichment_id = e.id OFFSET 0))
      AND NOT EXISTS (SELECT FROM request_item i WHERE i.enrichment_id = e.id)
), results AS (
    DELETE FROM result t USING unwanted u WHERE t.enrichment_id = u.id
), marks AS (
    DELETE FROM forgetting f USING unwanted u WHERE f.enrichment_id = u.id
)
DELETE FROM enrichment e USING unwanted u WHERE e.id = u.id

-- name: jobs: Removes old ones that have ended and of which there is no result, with their history and strays.
-- One that the vendor's list shows still stays, lest it be taken for another's; so does one that was given up
-- and may deliver.
WITH page AS MATERIALIZED (
    SELECT id FROM job WHERE id > %(place)s::uuid ORDER BY id LIMIT %(limit)s
), old AS MATERIALIZED (
    SELECT j.id FROM page JOIN job j USING (id)
    WHERE (j.ended_at < now() - %(age)s::interval OR (j.ended_at IS NOT NULL AND j.id <= %(beyond)s::uuid))
      AND coalesce(j.given_up_at, '-infinity') < now() - interval '7 days'
      AND NOT EXISTS (SELECT FROM result t WHERE t.job_id = j.id)
      AND NOT EXISTS (SELECT FROM vendor_job v WHERE v.job_id = j.id AND v.last_seen_at > now() - interval '1 day')
    FOR UPDATE OF j SKIP LOCKED
), events AS (
    DELETE FROM job_event e USING old WHERE e.job_id = old.id
), strays AS (
    DELETE FROM stray s USING old WHERE s.job_id = old.id
), seen AS (
    DELETE FROM vendor_job v USING old WHERE v.job_id = old.id
), gone AS (
    DELETE FROM job j USING old WHERE j.id = old.id RETURNING 1
)
SELECT (SELECT max(id::text) FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: events: Removes old ones of jobs that have ended.
WITH page AS MATERIALIZED (
    SELECT id FROM job_event WHERE id > %(place)s::bigint ORDER BY id LIMIT %(limit)s
), gone AS (
    DELETE FROM job_event e USING page, job j
    WHERE e.id = page.id AND j.id = e.job_id AND j.ended_at IS NOT NULL
      AND (e.at < now() - %(age)s::interval OR e.id <= %(beyond)s::bigint)
    RETURNING 1
)
SELECT (SELECT max(id)::text FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: strays: Removes old ones.
WITH page AS MATERIALIZED (
    SELECT id FROM stray WHERE id > %(place)s::bigint ORDER BY id LIMIT %(limit)s
), gone AS (
    DELETE FROM stray s USING page
    WHERE s.id = page.id AND (s.kept_at < now() - %(age)s::interval OR s.id <= %(beyond)s::bigint)
    RETURNING 1
)
SELECT (SELECT max(id)::text FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: vendor_jobs: Removes others' that the list has not shown for long. Ours go with their jobs; one that may
-- be a submission's that is under way or unresolved stays.
WITH page AS MATERIALIZED (
    SELECT account_id, batch_id FROM vendor_job
    WHERE (account_id, batch_id) > (split_part(%(place)s, ' ', 1)::integer, substr(%(place)s, strpos(%(place)s, ' ') + 1))
    ORDER BY account_id, batch_id LIMIT %(limit)s
), old AS MATERIALIZED (
    SELECT v.account_id, v.batch_id
    FROM page JOIN vendor_job v USING (account_id, batch_id) JOIN account a ON a.id = v.account_id
    WHERE (v.whose IN ('foreign', 'empty') OR (v.whose = 'open' AND a.removed_at IS NOT NULL))
      AND (v.last_seen_at < now() - %(age)s::interval OR v.last_seen_at <= %(beyond)s::timestamptz)
      AND v.last_seen_at < now() - interval '1 day'
      AND v.first_seen_at < coalesce((SELECT min(j.submitting_at) FROM job j
                                      WHERE j.account_id = v.account_id AND j.state = 'submitting'), 'infinity')
    FOR UPDATE OF v SKIP LOCKED
), gone AS (
    DELETE FROM vendor_job v USING old WHERE v.account_id = old.account_id AND v.batch_id = old.batch_id RETURNING 1
)
SELECT (SELECT concat(account_id, ' ', batch_id) FROM page ORDER BY account_id DESC, batch_id DESC LIMIT 1) AS place,
       (SELECT count(*) FROM gone) AS removed

-- name: oldest_notice: The newest notice that is one too many.
SELECT position::text AS key FROM notice ORDER BY position DESC OFFSET %(count)s LIMIT 1

-- name: notices: Removes old ones that have ended, with their history, and those of accounts that are gone.
WITH page AS MATERIALIZED (
    SELECT id, position FROM notice WHERE position > %(place)s::bigint ORDER BY position LIMIT %(limit)s
), old AS MATERIALIZED (
    SELECT n.id FROM page JOIN notice n USING (id)
    WHERE (n.ended_at IS NOT NULL
           AND (n.ended_at < now() - %(age)s::interval OR n.position <= %(beyond)s::bigint))
       OR NOT EXISTS (SELECT FROM account a WHERE a.id = n.account_id)
    FOR UPDATE OF n SKIP LOCKED
), gone AS (
    DELETE FROM notice n USING old WHERE n.id = old.id RETURNING 1
)
SELECT (SELECT max(position)::text FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: targets: Removes those that nobody is told at any more: no notice, no account, and no request that is open,
-- or may be again, names them. One that a caller is about to name is locked, and passed over. Requests are read
-- only where a target has no notice left.
WITH page AS MATERIALIZED (
    SELECT id FROM target WHERE id > %(place)s::bigint ORDER BY id LIMIT %(limit)s
), untold AS MATERIALIZED (
    SELECT t.id FROM page JOIN target t USING (id)
    WHERE t.created_at < now() - interval '1 day'
      AND NOT EXISTS (SELECT FROM notice n WHERE n.target_id = t.id)
), named AS MATERIALIZED (
    SELECT unnest(targets) AS id FROM request
    WHERE targets IS NOT NULL AND (finished_at IS NULL OR (failed > 0 AND cancelled_at IS NULL))
    UNION SELECT unnest(targets) FROM account
), unused AS MATERIALIZED (
    SELECT t.id FROM untold JOIN target t USING (id)
    WHERE NOT EXISTS (SELECT FROM notice n WHERE n.target_id = t.id)
      AND untold.id NOT IN (SELECT id FROM named WHERE id IS NOT NULL)
    FOR UPDATE OF t SKIP LOCKED
), gone AS (
    DELETE FROM target t USING unused WHERE t.id = unused.id RETURNING 1
)
SELECT (SELECT max(id)::text FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: oldest_action: The newest action of an operator that is one too many.
SELECT id::text AS key FROM operator_action ORDER BY id DESC OFFSET %(count)s LIMIT 1

-- name: actions: Removes old ones, with what they say they have touched: so many objects at most, and then
-- again from the same place, until none is left.
WITH page AS MATERIALIZED (
    SELECT id, at FROM operator_action WHERE id > %(place)s::bigint ORDER BY id LIMIT %(limit)s
), old AS MATERIALIZED (
    SELECT id FROM page WHERE at < now() - %(age)s::interval OR id <= %(beyond)s::bigint
), touched AS MATERIALIZED (
    SELECT o.kind, o.object, o.action_id
    FROM old JOIN operator_action_object o ON o.action_id = old.id LIMIT 10 * %(limit)s
), objects AS (
    DELETE FROM operator_action_object o USING touched t
    WHERE o.kind = t.kind AND o.object = t.object AND o.action_id = t.action_id
), more AS MATERIALIZED (
    SELECT count(*) = 10 * %(limit)s AS left_over FROM touched
), gone AS (
    DELETE FROM operator_action a USING old, more WHERE a.id = old.id AND NOT more.left_over RETURNING 1
)
SELECT CASE WHEN (SELECT left_over FROM more) THEN %(place)s::bigint::text ELSE (SELECT max(id)::text FROM page) END
           AS place,
       (SELECT count(*) FROM gone) AS removed

-- name: held: Forgets of what was held for a budget that it was, where it does not wait any more.
WITH page AS MATERIALIZED (
    SELECT enrichment_id FROM held WHERE enrichment_id > %(place)s::bigint ORDER BY enrichment_id LIMIT %(limit)s
), waiting AS MATERIALIZED (
    SELECT e.id FROM page JOIN enrichment e ON e.id = page.enrichment_id
    WHERE e.state IN ('pending', 'packed') AND e.rank = 'infinity'
), gone AS (
    DELETE FROM held h USING page
    WHERE h.enrichment_id = page.enrichment_id AND h.enrichment_id NOT IN (SELECT id FROM waiting)
    RETURNING 1
)
SELECT (SELECT max(enrichment_id)::text FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: stats: Removes old counts of days; those of accounts that are gone, when no budget needs them.
WITH page AS MATERIALIZED (
    SELECT id FROM day_counter WHERE id > %(place)s::bigint ORDER BY id LIMIT %(limit)s
), gone AS (
    DELETE FROM day_counter d USING page
    WHERE d.id = page.id
      AND (d.at < now() - %(age)s::interval
           OR (d.at < now() - interval '63 days'
               AND NOT EXISTS (SELECT FROM account a WHERE a.id = d.account_id)))
    RETURNING 1
)
SELECT (SELECT max(id)::text FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: lanes: Removes those that hold nothing any more, and are not paused. The account's lock keeps callers
-- from one that goes.
WITH page AS MATERIALIZED (
    SELECT id FROM lane WHERE id > %(place)s::integer ORDER BY id LIMIT %(limit)s
), empty AS MATERIALIZED (
    SELECT l.id FROM page JOIN lane l USING (id) JOIN account a ON a.id = l.account_id
    WHERE l.created_at < now() - interval '1 day' AND l.paused_at IS NULL
      AND NOT EXISTS (SELECT FROM enrichment e WHERE e.lane_id = l.id)
      AND NOT EXISTS (SELECT FROM request r WHERE r.lane_id = l.id)
      AND NOT EXISTS (SELECT FROM job j WHERE j.lane_id = l.id)
    FOR UPDATE OF a, l SKIP LOCKED
), gone AS (
    DELETE FROM lane l USING empty WHERE l.id = empty.id RETURNING 1
)
SELECT (SELECT max(id)::text FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: accounts: Deletes those that were removed and hold nothing any more.
WITH page AS MATERIALIZED (
    SELECT id FROM account WHERE id > %(place)s::integer ORDER BY id LIMIT %(limit)s
), empty AS MATERIALIZED (
    SELECT a.id FROM page JOIN account a USING (id)
    WHERE a.removed_at < now() - interval '1 day'
      AND NOT EXISTS (SELECT FROM lane l WHERE l.account_id = a.id)
      AND NOT EXISTS (SELECT FROM job j WHERE j.account_id = a.id)
      AND NOT EXISTS (SELECT FROM request r WHERE r.account_id = a.id)
      AND NOT EXISTS (SELECT FROM vendor_job v WHERE v.account_id = a.id)
    FOR UPDATE OF a SKIP LOCKED
), slots AS (
    DELETE FROM slot s USING empty WHERE s.account_id = empty.id
), pauses AS (
    DELETE FROM endpoint_pause p USING empty WHERE p.account_id = empty.id
), counters AS (
    DELETE FROM account_counter c USING empty WHERE c.account_id = empty.id
), gone AS (
    DELETE FROM account a USING empty WHERE a.id = empty.id RETURNING 1
)
SELECT (SELECT max(id)::text FROM page) AS place, (SELECT count(*) FROM gone) AS removed

-- name: add_up: Makes one of the rows that each counter has got since the last time.
WITH taken AS (
    DELETE FROM account_counter WHERE id = ANY (ARRAY(
        SELECT id FROM account_counter
        WHERE (SELECT count(*) > count(DISTINCT (account_id, name)) FROM account_counter)
        ORDER BY id LIMIT 100000 FOR UPDATE SKIP LOCKED))
    RETURNING account_id, name, amount
)
INSERT INTO account_counter (account_id, name, amount)
SELECT account_id, name, sum(amount) FROM taken GROUP BY account_id, name HAVING sum(amount) <> 0

-- name: add_up_waiting: The same of what waits.
WITH taken AS (
    DELETE FROM waiting_counter WHERE id = ANY (ARRAY(
        SELECT id FROM waiting_counter
        WHERE (SELECT count(*) > count(DISTINCT (lane_id, tag)) FROM waiting_counter)
        ORDER BY id LIMIT 100000 FOR UPDATE SKIP LOCKED))
    RETURNING lane_id, tag, amount
)
INSERT INTO waiting_counter (lane_id, tag, amount)
SELECT lane_id, tag, sum(amount) FROM taken GROUP BY lane_id, tag HAVING sum(amount) <> 0

-- name: add_up_hours: Makes one of the rows that each number of an hour has got since the last time; an hour that
-- comes twice, when clocks are put back, is two.
WITH since AS MATERIALIZED (
    SELECT date_trunc('hour', min(at) AT TIME ZONE %(timezone)s) AT TIME ZONE %(timezone)s AS at
    FROM day_counter WHERE level = 0
), taken AS (
    DELETE FROM day_counter WHERE id = ANY (ARRAY(
        SELECT d.id FROM day_counter d, since WHERE d.at >= since.at AND d.level < 2
        ORDER BY d.at LIMIT 100000 FOR UPDATE OF d SKIP LOCKED))
    RETURNING at, account_id, lane_id, endpoint, tag, name, amount
)
INSERT INTO day_counter (at, level, account_id, lane_id, endpoint, tag, name, amount)
SELECT min(at), 1, account_id, lane_id, endpoint, tag, name, sum(amount) FROM taken
GROUP BY date_trunc('hour', at AT TIME ZONE %(timezone)s), (at AT TIME ZONE %(timezone)s) - (at AT TIME ZONE 'UTC'),
    account_id, lane_id, endpoint, tag, name
HAVING sum(amount) <> 0

-- name: add_up_days: Makes one of the hours of the oldest day that ended two months ago. No budget needs them.
WITH day AS MATERIALIZED (
    SELECT date_trunc('day', min(at) AT TIME ZONE %(timezone)s) AT TIME ZONE %(timezone)s AS since
    FROM day_counter WHERE level = 1 AND at < now() - interval '63 days'
), taken AS (
    DELETE FROM day_counter WHERE id = ANY (ARRAY(
        SELECT d.id FROM day_counter d, day
        WHERE d.at >= day.since AND d.at < day.since + interval '1 day' AND d.level > 0
        ORDER BY d.at LIMIT 100000 FOR UPDATE OF d SKIP LOCKED))
    RETURNING at, account_id, lane_id, endpoint, tag, name, amount
)
INSERT INTO day_counter (at, level, account_id, lane_id, endpoint, tag, name, amount)
SELECT min(at), 2, account_id, lane_id, endpoint, tag, name, sum(amount) FROM taken
GROUP BY account_id, lane_id, endpoint, tag, name HAVING sum(amount) <> 0
