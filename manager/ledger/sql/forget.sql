-- name: find: The enrichments with these keys, whatever their account, endpoint or fields.
SELECT e.id FROM unnest(%(types)s::text[], %(keys)s::text[]) AS wanted (identifier_type, key)
JOIN lane l USING (identifier_type) JOIN enrichment e ON e.lane_id = l.id AND e.key = wanted.key

-- name: vendor_ids: By which ids the vendor knows what these enrichments found; `entity` says of what.
-- %(id_fields)s has, of each endpoint, the record's field and the entity.
SELECT DISTINCT f.entity, coalesce(t.record ->> f.field, t.internal_id::text) AS vendor_id
FROM result t JOIN enrichment e ON e.id = t.enrichment_id JOIN lane l ON l.id = e.lane_id
JOIN jsonb_to_recordset(%(id_fields)s::jsonb) AS f (endpoint text, field text, entity text) USING (endpoint)
WHERE t.enrichment_id = ANY (%(ids)s) AND t.record ->> f.field IS NOT NULL

-- name: of_vendor_ids: The enrichments whose records have these ids: the same company or person under another
-- identifier. Reads all results.
SELECT DISTINCT e.id
FROM unnest(%(entities)s::text[], %(vendor_ids)s::text[]) AS wanted (entity, vendor_id)
JOIN jsonb_to_recordset(%(id_fields)s::jsonb) AS f (endpoint text, field text, entity text) USING (entity)
JOIN lane l USING (endpoint) JOIN enrichment e ON e.lane_id = l.id
JOIN result t ON t.enrichment_id = e.id AND t.record ->> f.field = wanted.vendor_id

-- name: described: What the ledger holds of them.
SELECT e.id, a.name AS account, l.endpoint, l.identifier_type AS type, e.key, e.identifier, e.state, e.job_id,
       (SELECT count(*) FROM result t WHERE t.enrichment_id = e.id) AS results,
       (SELECT count(*) FROM request_item i WHERE i.enrichment_id = e.id) AS items
FROM enrichment e JOIN lane l ON l.id = e.lane_id JOIN account a ON a.id = l.account_id
WHERE e.id = ANY (%(ids)s) ORDER BY a.name, l.endpoint, l.identifier_type, e.key

-- name: written: How callers wrote them.
SELECT DISTINCT value FROM request_item WHERE enrichment_id = ANY (%(ids)s)

-- name: lock: In key order, like every step.
SELECT count(*) AS count FROM (
    SELECT FROM enrichment WHERE id = ANY (%(ids)s) ORDER BY lane_id, key FOR UPDATE
) locked

-- name: packed_jobs: The jobs that they are in and that have not been submitted yet.
SELECT DISTINCT j.id FROM enrichment e JOIN job j ON j.id = e.job_id
WHERE e.id = ANY (%(ids)s) AND j.state = 'packed'

-- name: marked_in: Those of a job that the vendor does not have that were to be forgotten at its end.
SELECT e.id FROM enrichment e JOIN job j ON j.id = e.job_id JOIN forgetting f ON f.enrichment_id = e.id
WHERE j.id = %(job_id)s AND j.state = 'packed'

-- name: take_out: Out of a job that has not been submitted, so that it never is for them.
UPDATE enrichment e SET state = 'pending', job_id = NULL
FROM job j WHERE j.id = %(job_id)s AND j.state = 'packed' AND e.job_id = j.id AND e.id = ANY (%(ids)s)

-- name: shrink: The job is smaller by so many; one that holds nothing any more is dissolved.
UPDATE job SET
    state = CASE WHEN identifier_count = %(count)s THEN 'cancelled' ELSE state END,
    ended_at = CASE WHEN identifier_count = %(count)s THEN clock_timestamp() END,
    identifier_count = greatest(identifier_count - %(count)s, 1),
    why = 'what it was for was forgotten'
WHERE id = %(job_id)s AND state = 'packed'

-- name: cancel_items: What has no outcome yet is cancelled for whoever asked; requests in the order of their ids.
WITH marked AS (
    UPDATE request_item i SET cancelled = true
    WHERE i.enrichment_id = ANY (%(ids)s) AND NOT i.cancelled
      AND NOT EXISTS (SELECT FROM result t
                      WHERE t.enrichment_id = i.enrichment_id AND t.cycle = i.cycle)
    RETURNING i.request_id
), counted AS (
    SELECT request_id, count(*) AS count FROM marked GROUP BY request_id
), locked AS (
    SELECT request.id FROM request WHERE id IN (SELECT request_id FROM counted) ORDER BY id FOR UPDATE
)
UPDATE request r SET
    cancelled = r.cancelled + c.count,
    finished_at = CASE WHEN r.fulfilled + r.not_found + r.failed + r.cancelled + c.count = r.total
                       THEN clock_timestamp() END
FROM counted c, locked
WHERE r.id = c.request_id AND locked.id = r.id
RETURNING r.id, r.finished_at IS NOT NULL AS finished

-- name: cancel: What waits is not bought.
UPDATE enrichment SET state = 'cancelled', settled_at = clock_timestamp(), reason = %(reason)s
WHERE id = ANY (%(ids)s) AND state = 'pending'

-- name: mark: What is at the vendor is forgotten when it comes: until then its key is needed to know it by.
INSERT INTO forgetting (enrichment_id)
SELECT id FROM enrichment WHERE id = ANY (%(ids)s) AND state = 'packed'
ON CONFLICT DO NOTHING
RETURNING enrichment_id

-- name: blank_items: What the callers wrote.
UPDATE request_item SET value = %(blank)s WHERE enrichment_id = ANY (%(ids)s) AND value <> %(blank)s

-- name: blank_results: Of all cycles; that something was bought, and when, stays.
UPDATE result SET record = NULL, internal_id = NULL, reason = %(reason)s,
    forgotten_at = coalesce(forgotten_at, clock_timestamp())
WHERE enrichment_id = ANY (%(ids)s)
RETURNING job_id

-- name: blank_jobs: Nothing is kept of these jobs' results.
UPDATE job SET forgotten_at = clock_timestamp() WHERE id = ANY (%(job_ids)s)

-- name: blank_enrichments: What has ended is nobody's any more. No identifier has a key that begins with a space.
UPDATE enrichment SET key = ' ' || id, identifier = %(blank)s, reason = %(reason)s
WHERE id = ANY (%(ids)s) AND state NOT IN ('pending', 'packed')

-- name: unmark: They are forgotten.
DELETE FROM forgetting f USING enrichment e
WHERE f.enrichment_id = ANY (%(ids)s) AND e.id = f.enrichment_id AND e.state NOT IN ('pending', 'packed')

-- name: ended: Those that were to be forgotten at their job's end, which has come; of one job, or of all.
SELECT e.id FROM forgetting f JOIN enrichment e ON e.id = f.enrichment_id
WHERE e.state NOT IN ('pending', 'packed')
  AND (%(job_id)s::uuid IS NULL
       OR EXISTS (SELECT FROM result t
                  WHERE t.enrichment_id = e.id AND t.cycle = e.cycle AND t.job_id = %(job_id)s::uuid))

-- name: named: By what the envelopes of their jobs would name them.
SELECT DISTINCT l.identifier_type AS type, e.key FROM enrichment e JOIN lane l ON l.id = e.lane_id
WHERE e.id = ANY (%(ids)s) AND e.key NOT LIKE ' %%'

-- name: strays_of: The envelopes of these jobs that settled nothing.
SELECT id, job_id, envelope FROM stray WHERE job_id = ANY (%(job_ids)s)

-- name: next_strays: All envelopes that settled nothing, so many at a time.
SELECT id, job_id, envelope FROM stray WHERE id > %(after)s ORDER BY id LIMIT %(limit)s

-- name: delete_strays: These.
DELETE FROM stray WHERE id = ANY (%(ids)s)

-- name: rewrite_events: Where the vendor's answers, or our reasons, quote them.
UPDATE job_event SET why = regexp_replace(why, %(pattern)s, %(blank)s, 'gi') WHERE why ~* %(pattern)s

-- name: rewrite_jobs: The same of the jobs.
UPDATE job SET why = regexp_replace(why, %(pattern)s, %(blank)s, 'gi'),
    error = regexp_replace(error, %(pattern)s, %(blank)s, 'gi')
WHERE why ~* %(pattern)s OR error ~* %(pattern)s

-- name: rewrite_results: The same of what failed, in whatever enrichment.
UPDATE result SET reason = regexp_replace(reason, %(pattern)s, %(blank)s, 'gi') WHERE reason ~* %(pattern)s

-- name: rewrite_enrichments: The same of what is tried again.
UPDATE enrichment SET reason = regexp_replace(reason, %(pattern)s, %(blank)s, 'gi') WHERE reason ~* %(pattern)s

-- name: rewrite_actions: The same of why operators have done something, and with what.
UPDATE operator_action SET why = regexp_replace(why, %(pattern)s, %(blank)s, 'gi'),
    arguments = regexp_replace(arguments::text, %(pattern)s, %(blank)s, 'gi')::jsonb
WHERE why ~* %(pattern)s OR arguments::text ~* %(pattern)s

-- name: rewrite_notices: The same of what targets are told of jobs, and of what they have answered.
UPDATE notice SET payload = regexp_replace(payload::text, %(pattern)s, %(blank)s, 'gi')::jsonb,
    error = regexp_replace(error, %(pattern)s, %(blank)s, 'gi')
WHERE error ~* %(pattern)s OR (request_id IS NULL AND payload::text ~* %(pattern)s)

-- name: rewrite_attempts: The same of each try.
UPDATE notice_attempt SET error = regexp_replace(error, %(pattern)s, %(blank)s, 'gi') WHERE error ~* %(pattern)s

-- name: renew_statistics: The planner's statistics have values of rows in them.
ANALYZE enrichment, request_item, result, stray, job_event
