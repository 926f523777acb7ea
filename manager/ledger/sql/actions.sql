-- name: create_set: What an action is about, for as long as its transaction lasts: a row an item, an enrichment or
-- a job. `object` is what was chosen and is counted, `buys` whether the row may be bought.
CREATE TEMPORARY TABLE enrichd_action (
    object text NOT NULL,
    lane_id integer,
    request_id uuid,
    position integer,
    job_id uuid,
    enrichment_id bigint,
    cycle integer,
    identifiers integer DEFAULT 1 NOT NULL,
    buys boolean DEFAULT false NOT NULL
) ON COMMIT DROP

-- name: analyze_set: Without it all that follows would be planned for a few rows.
ANALYZE pg_temp.enrichd_action

-- name: parts: How many objects and identifiers it is about, and the most records that it buys, by what they cost.
SELECT a.name AS account, l.endpoint, count(DISTINCT s.object) AS objects, sum(s.identifiers)::bigint AS identifiers,
       count(DISTINCT s.enrichment_id) FILTER (WHERE s.buys)
       + coalesce(sum(s.identifiers) FILTER (WHERE s.buys AND s.enrichment_id IS NULL), 0)::bigint AS records
FROM enrichd_action s JOIN lane l ON l.id = s.lane_id JOIN account a ON a.id = l.account_id
GROUP BY a.name, l.endpoint ORDER BY a.name, l.endpoint

-- name: bought: How many purchases it has begun, by the tag of who pays.
SELECT e.tag, count(DISTINCT e.id) AS records
FROM enrichd_action s JOIN enrichment e ON e.id = s.enrichment_id JOIN lane l ON l.id = e.lane_id
JOIN account a ON a.id = l.account_id
WHERE s.buys AND a.name = %(account)s AND l.endpoint = %(endpoint)s GROUP BY e.tag

-- name: enter_budgets: Hard budgets, one call after the other: before all else, as an enqueue does.
WITH hard AS (SELECT name FROM budget WHERE hard ORDER BY name FOR NO KEY UPDATE)
UPDATE budget SET asked_at = clock_timestamp() FROM hard WHERE budget.name = hard.name

-- name: lock_enrichments: In key order, like every step; before all else.
SELECT count(*) AS count FROM (
    SELECT FROM enrichment WHERE id IN (SELECT enrichment_id FROM enrichd_action)
    ORDER BY lane_id, key FOR UPDATE
) locked

-- name: lock_requests: In the order of their ids, like every step; before their items, as retention does.
SELECT count(*) AS count FROM (
    SELECT FROM request WHERE id IN (SELECT request_id FROM enrichd_action) ORDER BY id FOR UPDATE
) locked

-- name: lock_jobs: An attempt that begins waits, and finds what has become of its job.
SELECT count(*) AS count FROM (
    SELECT FROM job WHERE id IN (SELECT job_id FROM enrichd_action) ORDER BY id FOR UPDATE
) locked

-- name: lock_lanes: In the order of their ids.
SELECT count(*) AS count FROM (
    SELECT FROM lane WHERE id IN (SELECT lane_id FROM enrichd_action) ORDER BY id FOR NO KEY UPDATE
) locked

-- name: found_jobs: Which jobs it is about.
SELECT DISTINCT job_id FROM enrichd_action ORDER BY job_id

-- name: two_jobs: Whether one job was chosen, or several.
SELECT c.id::text AS id FROM chosen_jobs c LIMIT 2

-- name: wake: Tells the daemon, when and if the transaction commits.
SELECT pg_notify('enrichd_wake', current_schema() || ' sweep ' || a.name)
FROM account a WHERE a.id IN (
    SELECT l.account_id FROM enrichd_action s JOIN lane l ON l.id = s.lane_id)

-- name: record: What was done, in the transaction that has done it, once for all.
INSERT INTO operator_action (who, via, why, action, kind, filter, arguments, counts)
VALUES (%(who)s, %(via)s, %(why)s, %(action)s, %(kind)s, %(filter)s, %(arguments)s, %(counts)s)
RETURNING id

-- name: record_set: All that it has touched.
INSERT INTO operator_action_object (kind, object, action_id)
SELECT %(kind)s, object, %(action_id)s::bigint
FROM (SELECT DISTINCT object FROM enrichd_action WHERE %(kind)s <> 'enrichment') chosen
UNION ALL
SELECT 'request', request_id::text, %(action_id)s FROM (
    SELECT DISTINCT request_id FROM enrichd_action WHERE request_id IS NOT NULL) requests
UNION ALL
SELECT 'job', job_id::text, %(action_id)s FROM (
    SELECT DISTINCT job_id FROM enrichd_action WHERE job_id IS NOT NULL) jobs
ON CONFLICT DO NOTHING

-- name: record_set_enrichments: The same of the enrichments, as ranges of their ids.
UPDATE operator_action SET enrichments = (
    SELECT range_agg(int8range(id, id, '[]'))
    FROM (SELECT DISTINCT enrichment_id AS id FROM enrichd_action WHERE enrichment_id IS NOT NULL) touched)
WHERE id = %(action_id)s::bigint

-- name: record_enrichments: The same of those that were done one by one.
UPDATE operator_action SET enrichments = (
    SELECT range_agg(int8range(id, id, '[]')) FROM unnest(%(ids)s::bigint[]) AS touched (id))
WHERE id = %(action_id)s::bigint

-- name: record_objects: The same of those that were done one by one.
INSERT INTO operator_action_object (kind, object, action_id)
SELECT kind, object, %(action_id)s::bigint FROM unnest(%(kinds)s::text[], %(objects)s::text[]) AS touched (kind, object)
ON CONFLICT DO NOTHING

-- name: named: What the chosen enrichments are about.
SELECT DISTINCT c.identifier_type AS type, c.key FROM chosen_enrichments c WHERE c.key NOT LIKE ' %%'

-- name: quoting: Actions whose filter names identifiers.
SELECT id, filter FROM operator_action WHERE filter LIKE '%%identifier=%%'

-- name: rewrite_filter: Without the one that was forgotten.
UPDATE operator_action SET filter = %(filter)s WHERE id = %(id)s

-- name: pause_lanes: Nothing of them is packed or submitted any more.
UPDATE lane SET paused_reason = %(reason)s, paused_at = clock_timestamp()
WHERE id IN (SELECT lane_id FROM enrichd_action) AND paused_at IS NULL

-- name: resume_lanes: They go on.
UPDATE lane SET paused_reason = NULL, paused_at = NULL
WHERE id IN (SELECT lane_id FROM enrichd_action) AND paused_at IS NOT NULL

-- name: jobs_wait: Says what the packed jobs of these lanes wait for, or that it is no more.
UPDATE job SET waits_for = %(waits_for)s
WHERE lane_id IN (SELECT lane_id FROM enrichd_action) AND state = 'packed' AND ended_at IS NULL

-- name: lanes_to_pause: Those that are not paused, with what waits in them.
INSERT INTO enrichd_action (object, lane_id, identifiers)
SELECT l.id, l.id, (SELECT count(*) FROM enrichment e WHERE e.lane_id = l.id AND e.state = 'pending')
FROM chosen_lanes c JOIN lane l ON l.id = c.id WHERE l.paused_at IS NULL

-- name: lanes_to_resume: Those that are paused, with what waits in them.
INSERT INTO enrichd_action (object, lane_id, identifiers)
SELECT l.id, l.id, (SELECT count(*) FROM enrichment e WHERE e.lane_id = l.id AND e.state = 'pending')
FROM chosen_lanes c JOIN lane l ON l.id = c.id WHERE l.paused_at IS NOT NULL

-- name: requests_to_cancel: All items of the open ones: those that have an outcome are locked, too, and kept from
-- being asked for again meanwhile.
INSERT INTO enrichd_action (object, lane_id, request_id, position, enrichment_id, cycle)
SELECT q.id, q.lane_id, q.id, i.position, i.enrichment_id, i.cycle
FROM chosen_requests c JOIN request q ON q.id = c.id JOIN request_item i ON i.request_id = q.id
WHERE q.finished_at IS NULL AND NOT i.cancelled

-- name: not_to_cancel: What has an outcome.
DELETE FROM enrichd_action s USING request_item i LEFT JOIN result t USING (enrichment_id, cycle)
WHERE i.request_id = s.request_id AND i.position = s.position AND (i.cancelled OR t.outcome IS NOT NULL)

-- name: cancel_items: They are settled as cancelled.
UPDATE request_item i SET cancelled = true FROM enrichd_action s
WHERE i.request_id = s.request_id AND i.position = s.position

-- name: cancel_requests: By that they are finished.
UPDATE request r SET
    cancelled = r.cancelled + s.count, cancelled_at = clock_timestamp(), finished_at = clock_timestamp()
FROM (SELECT request_id, count(*) AS count FROM enrichd_action GROUP BY request_id) s
WHERE r.id = s.request_id AND r.finished_at IS NULL
RETURNING r.id, true AS finished

-- name: cancel_enrichments: What waits and is wanted by no other request is not bought.
UPDATE enrichment e SET state = 'cancelled', settled_at = clock_timestamp(), reason = 'no request wants it any more'
WHERE e.state = 'pending' AND e.id IN (SELECT enrichment_id FROM enrichd_action)
  AND NOT EXISTS (SELECT FROM request_item i
                  WHERE i.enrichment_id = e.id AND i.cycle = e.cycle AND NOT i.cancelled)

-- name: failed_of_requests: What has failed for them, but for what their callers have cancelled.
INSERT INTO enrichd_action (object, lane_id, request_id, position, enrichment_id, cycle, buys)
SELECT q.id, q.lane_id, q.id, i.position, i.enrichment_id, i.cycle, e.state IN ('failed', 'cancelled')
FROM chosen_requests c JOIN request q ON q.id = c.id JOIN lane l ON l.id = q.lane_id
JOIN account a ON a.id = l.account_id JOIN request_item i ON i.request_id = q.id
JOIN result t USING (enrichment_id, cycle) JOIN enrichment e ON e.id = i.enrichment_id
WHERE q.failed > 0 AND q.cancelled_at IS NULL AND a.removed_at IS NULL
  AND NOT i.cancelled AND t.outcome = 'failed' AND e.key NOT LIKE ' %%'

-- name: failed_of_jobs: What has failed in them, for the requests that want it still.
INSERT INTO enrichd_action (object, lane_id, job_id, request_id, position, enrichment_id, cycle, buys)
SELECT t.job_id, q.lane_id, t.job_id, q.id, i.position, i.enrichment_id, i.cycle, e.state IN ('failed', 'cancelled')
FROM chosen_jobs c JOIN result t ON t.job_id = c.id
JOIN request_item i USING (enrichment_id, cycle) JOIN request q ON q.id = i.request_id
JOIN lane l ON l.id = q.lane_id JOIN account a ON a.id = l.account_id JOIN enrichment e ON e.id = i.enrichment_id
WHERE q.cancelled_at IS NULL AND a.removed_at IS NULL
  AND NOT i.cancelled AND t.outcome = 'failed' AND e.key NOT LIKE ' %%'

-- name: failed_of_enrichments: Those that have failed and are wanted still, with the requests that want them.
INSERT INTO enrichd_action (object, lane_id, request_id, position, enrichment_id, cycle, buys)
SELECT e.id, q.lane_id, q.id, i.position, i.enrichment_id, i.cycle, true
FROM chosen_enrichments c JOIN enrichment e ON e.id = c.id JOIN result t ON t.enrichment_id = e.id AND t.cycle = e.cycle
JOIN request_item i ON i.enrichment_id = e.id AND i.cycle = e.cycle JOIN request q ON q.id = i.request_id
JOIN lane l ON l.id = q.lane_id JOIN account a ON a.id = l.account_id
WHERE e.state = 'failed' AND q.cancelled_at IS NULL AND a.removed_at IS NULL
  AND NOT i.cancelled AND t.outcome = 'failed' AND e.key NOT LIKE ' %%'

-- name: not_failed: What is not failed any more, now that it is locked.
DELETE FROM enrichd_action s WHERE NOT EXISTS (
    SELECT FROM request_item i JOIN request q ON q.id = i.request_id JOIN result t USING (enrichment_id, cycle)
    JOIN enrichment e ON e.id = i.enrichment_id
    WHERE i.request_id = s.request_id AND i.position = s.position AND i.cycle = s.cycle AND NOT i.cancelled
      AND q.cancelled_at IS NULL AND t.outcome = 'failed' AND e.key NOT LIKE ' %%')

-- name: take_over: What waits for another tag's budget is paid for by whoever wants it, too, as when it is enqueued.
UPDATE enrichment e SET
    priority = greatest(e.priority, w.priority), cause = w.cause, tag = w.tag,
    rank = clock_timestamp() - greatest(e.priority, w.priority) * %(priority_step)s::interval
FROM (SELECT DISTINCT ON (s.enrichment_id) s.enrichment_id, q.priority, q.id AS cause, q.tag
      FROM enrichd_action s JOIN request q ON q.id = s.request_id
      ORDER BY s.enrichment_id, q.priority DESC, q.id) w
WHERE e.id = w.enrichment_id AND e.state = 'pending' AND e.rank = 'infinity' AND e.tag IS DISTINCT FROM w.tag

-- name: begin_cycle: Those whose newest cycle has failed, or was cancelled, are wanted in their next one. What
-- another request has asked for again since is not touched: it is joined. The most urgent request pays.
UPDATE enrichment e SET
    state = 'pending', cycle = e.cycle + 1, attempts = 0, settled_at = NULL, reason = NULL,
    priority = w.priority, cause = w.cause, tag = w.tag, due_at = clock_timestamp(),
    rank = clock_timestamp() - w.priority * %(priority_step)s::interval
FROM (SELECT DISTINCT ON (s.enrichment_id) s.enrichment_id, q.priority, q.id AS cause, q.tag
      FROM enrichd_action s JOIN request q ON q.id = s.request_id
      ORDER BY s.enrichment_id, q.priority DESC, q.id) w
WHERE e.id = w.enrichment_id AND e.state IN ('failed', 'cancelled')

-- name: follow_cycle: The items want the newest cycle now.
UPDATE request_item i SET cycle = e.cycle
FROM enrichd_action s JOIN enrichment e ON e.id = s.enrichment_id
WHERE i.request_id = s.request_id AND i.position = s.position

-- name: reopen: They count no more as failed.
UPDATE request r SET failed = r.failed - again.count, finished_at = NULL
FROM (SELECT request_id, count(*) AS count FROM enrichd_action GROUP BY request_id) again
WHERE r.id = again.request_id

-- name: count_found: But what another request has bought since counts at once. Who is told of an end is told of this
-- one, too.
WITH found AS (
    SELECT s.request_id, count(*) FILTER (WHERE t.outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE t.outcome = 'not_found') AS not_found
    FROM enrichd_action s JOIN request_item i ON i.request_id = s.request_id AND i.position = s.position
    JOIN result t ON t.enrichment_id = i.enrichment_id AND t.cycle = i.cycle
    GROUP BY s.request_id
)
UPDATE request r SET
    fulfilled = r.fulfilled + found.fulfilled, not_found = r.not_found + found.not_found,
    finished_at = CASE WHEN r.fulfilled + r.not_found + r.failed + r.cancelled + found.fulfilled + found.not_found
                            = r.total THEN clock_timestamp() END
FROM found WHERE r.id = found.request_id
RETURNING r.id, r.finished_at IS NOT NULL AS finished

-- name: old_of_enrichments: Those whose result is older.
INSERT INTO enrichd_action (object, lane_id, enrichment_id, buys)
SELECT e.id, e.lane_id, e.id, true
FROM chosen_enrichments c JOIN enrichment e ON e.id = c.id JOIN lane l ON l.id = e.lane_id
JOIN account a ON a.id = l.account_id
WHERE e.state IN ('fulfilled', 'not_found') AND e.settled_at < clock_timestamp() - %(older_than)s::interval
  AND e.key NOT LIKE ' %%' AND a.removed_at IS NULL

-- name: old_of_lanes: The same of all that is in them.
INSERT INTO enrichd_action (object, lane_id, enrichment_id, buys)
SELECT e.lane_id, e.lane_id, e.id, true
FROM chosen_lanes c JOIN enrichment e ON e.lane_id = c.id JOIN lane l ON l.id = e.lane_id
JOIN account a ON a.id = l.account_id
WHERE e.state IN ('fulfilled', 'not_found') AND e.settled_at < clock_timestamp() - %(older_than)s::interval
  AND e.key NOT LIKE ' %%' AND a.removed_at IS NULL

-- name: old_of_requests: The same of all that they have asked for.
INSERT INTO enrichd_action (object, lane_id, enrichment_id, buys)
SELECT min(i.request_id::text), e.lane_id, e.id, true
FROM chosen_requests c JOIN request_item i ON i.request_id = c.id JOIN enrichment e ON e.id = i.enrichment_id
JOIN lane l ON l.id = e.lane_id JOIN account a ON a.id = l.account_id
WHERE e.state IN ('fulfilled', 'not_found') AND e.settled_at < clock_timestamp() - %(older_than)s::interval
  AND e.key NOT LIKE ' %%' AND a.removed_at IS NULL
GROUP BY e.id

-- name: not_old: What was bought again, forgotten or removed before it was locked.
DELETE FROM enrichd_action s WHERE NOT EXISTS (
    SELECT FROM enrichment e
    WHERE e.id = s.enrichment_id AND e.state IN ('fulfilled', 'not_found') AND e.key NOT LIKE ' %%'
      AND e.settled_at < clock_timestamp() - %(older_than)s::interval)

-- name: lanes: In which lanes it is.
SELECT DISTINCT lane_id FROM enrichd_action ORDER BY lane_id

-- name: make_requests: One a lane, by which the refresh is followed.
INSERT INTO request (id, lane_id, priority, content_hash, max_age, total, metadata, tag)
SELECT made.id, s.lane_id, %(priority)s::smallint, sha256(made.id::text::bytea), '0', count(*), %(metadata)s::jsonb,
       %(tag)s::text
FROM enrichd_action s
JOIN unnest(%(request_ids)s::uuid[], %(lane_ids)s::integer[]) AS made (id, lane_id) USING (lane_id)
GROUP BY made.id, s.lane_id

-- name: refresh: The next cycle of each.
UPDATE enrichment e SET
    state = 'pending', cycle = e.cycle + 1, attempts = 0, settled_at = NULL, reason = NULL,
    priority = %(priority)s::smallint, cause = s.request_id, tag = %(tag)s::text, due_at = clock_timestamp(),
    rank = clock_timestamp() - %(priority)s::smallint * %(priority_step)s::interval
FROM enrichd_action s WHERE e.id = s.enrichment_id

-- name: make_items: In the order of their keys.
INSERT INTO request_item (request_id, position, enrichment_id, cycle, value)
SELECT s.request_id, row_number() OVER (PARTITION BY e.lane_id ORDER BY e.key) - 1, e.id, e.cycle, e.identifier
FROM enrichd_action s JOIN enrichment e ON e.id = s.enrichment_id

-- name: name_requests: Whose each is: the request pays for it, and the record of the action has it.
UPDATE enrichd_action s SET request_id = made.id
FROM unnest(%(request_ids)s::uuid[], %(lane_ids)s::integer[]) AS made (id, lane_id) WHERE made.lane_id = s.lane_id

-- name: requests_to_reprioritise: The open ones that have another priority, and what waits for them.
INSERT INTO enrichd_action (object, lane_id, request_id, enrichment_id)
SELECT q.id, q.lane_id, q.id, i.enrichment_id
FROM chosen_requests c JOIN request q ON q.id = c.id JOIN request_item i ON i.request_id = q.id
JOIN enrichment e ON e.id = i.enrichment_id AND e.cycle = i.cycle
WHERE q.finished_at IS NULL AND q.priority <> %(priority)s AND NOT i.cancelled AND e.state IN ('pending', 'packed')

-- name: prioritise_requests: Their new priority.
UPDATE request SET priority = %(priority)s::smallint
WHERE id IN (SELECT request_id FROM enrichd_action) AND finished_at IS NULL

-- name: prioritise_enrichments: The highest that an open request wants.
UPDATE enrichment e SET priority = w.priority, rank = e.due_at - w.priority * %(priority_step)s::interval
FROM (
    SELECT i.enrichment_id, i.cycle, max(q.priority) AS priority
    FROM (SELECT DISTINCT enrichment_id FROM enrichd_action) s
    JOIN request_item i USING (enrichment_id) JOIN request q ON q.id = i.request_id
    WHERE NOT i.cancelled AND q.finished_at IS NULL GROUP BY i.enrichment_id, i.cycle
) w
WHERE e.id = w.enrichment_id AND e.cycle = w.cycle AND e.state IN ('pending', 'packed') AND e.priority <> w.priority

-- name: packed_jobs: Those that the vendor does not have, with what is in them.
INSERT INTO enrichd_action (object, lane_id, job_id, enrichment_id)
SELECT j.id, j.lane_id, j.id, e.id
FROM chosen_jobs c JOIN job j ON j.id = c.id JOIN enrichment e ON e.job_id = j.id
WHERE j.state = 'packed'

-- name: not_packed: What is being submitted, or was taken out of its job, before it was locked.
DELETE FROM enrichd_action s WHERE NOT EXISTS (
    SELECT FROM job j JOIN enrichment e ON e.job_id = j.id
    WHERE j.id = s.job_id AND j.state = 'packed' AND e.id = s.enrichment_id)

-- name: unpack: What is in them waits for another job.
UPDATE enrichment SET state = 'pending', job_id = NULL
WHERE id IN (SELECT enrichment_id FROM enrichd_action)

-- name: cancel_jobs: They are never submitted.
UPDATE job SET state = 'cancelled', why = %(why)s, waits_for = NULL, ended_at = clock_timestamp()
WHERE id IN (SELECT job_id FROM enrichd_action) AND state = 'packed'

-- name: jobs_to_give_up: Those that the vendor has and that have not ended, or whose results wait.
INSERT INTO enrichd_action (object, lane_id, job_id, identifiers)
SELECT j.id, j.lane_id, j.id, j.identifier_count FROM chosen_jobs c JOIN job j ON j.id = c.id
WHERE j.state IN ('pending', 'processing', 'completed', 'stopped')

-- name: jobs_to_merge: Those that the vendor has had, and that hold no slot.
INSERT INTO enrichd_action (object, lane_id, job_id, identifiers)
SELECT j.id, j.lane_id, j.id, j.identifier_count FROM chosen_jobs c JOIN job j ON j.id = c.id
WHERE j.batch_id IS NOT NULL AND j.state IN ('completed', 'stopped', 'failed', 'expired', 'merged')

-- name: jobs_to_resolve: Those of which nobody knows whether the vendor has them.
INSERT INTO enrichd_action (object, lane_id, job_id, identifiers, buys)
SELECT j.id, j.lane_id, j.id, j.identifier_count, true FROM chosen_jobs c JOIN job j ON j.id = c.id
WHERE j.state = 'submitting'

-- name: old_requests: Those that were finished long ago, with all their items.
INSERT INTO enrichd_action (object, lane_id, request_id, identifiers)
SELECT q.id, q.lane_id, q.id, q.total FROM chosen_requests c JOIN request q ON q.id = c.id
WHERE q.finished_at < clock_timestamp() - %(older_than)s::interval

-- name: not_finished: What was asked for again before it was locked.
DELETE FROM enrichd_action s USING request q WHERE q.id = s.request_id AND q.finished_at IS NULL

-- name: prune_items: They go first.
DELETE FROM request_item WHERE request_id IN (SELECT request_id FROM enrichd_action)

-- name: prune_requests: What was bought for them stays.
DELETE FROM request WHERE id IN (SELECT request_id FROM enrichd_action)

-- name: old_strays: Those that were kept long ago.
INSERT INTO enrichd_action (object, lane_id)
SELECT s.id, j.lane_id FROM chosen_strays c JOIN stray s ON s.id = c.id JOIN job j ON j.id = s.job_id
WHERE s.kept_at < clock_timestamp() - %(older_than)s::interval

-- name: prune_strays: They are gone.
DELETE FROM stray WHERE id IN (SELECT object::bigint FROM enrichd_action)

-- name: drain_left: What an account's drain waits for: what the vendor has, or may have; what waits to be merged.
SELECT a.name AS account, a.paused_reason,
       count(j.id) FILTER (WHERE j.state IN ('submitting', 'pending', 'processing')) AS active,
       count(j.id) FILTER (WHERE j.state IN ('completed', 'stopped')) AS unmerged,
       coalesce(sum(j.identifier_count), 0)::bigint AS identifiers
FROM account a LEFT JOIN job j ON j.account_id = a.id AND j.ended_at IS NULL AND j.state <> 'packed'
WHERE a.removed_at IS NULL AND (%(account)s::text IS NULL OR a.name = %(account)s)
GROUP BY a.id ORDER BY a.name
