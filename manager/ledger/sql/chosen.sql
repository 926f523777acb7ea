-- name: job: The jobs that a filter chooses; times are those at which they were packed.
(SELECT j.*, a.name AS account, l.endpoint, l.identifier_type, l.fields
 FROM job j JOIN account a ON a.id = j.account_id JOIN lane l ON l.id = j.lane_id
 WHERE (%(account)s::text IS NULL OR j.account_id = (SELECT id FROM account WHERE name = %(account)s::text))
   AND (%(endpoint)s::text IS NULL OR l.endpoint = %(endpoint)s::text)
   AND (%(type)s::text IS NULL OR l.identifier_type = %(type)s::text)
   AND (%(lane)s::integer IS NULL OR j.lane_id = %(lane)s::integer)
   AND (%(states)s::text[] IS NULL OR j.state = ANY (%(states)s::text[]))
   AND (%(since)s::timestamptz IS NULL OR j.created_at >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR j.created_at < %(until)s::timestamptz)
   AND (%(reason)s::text IS NULL OR concat_ws(' ', j.why, j.error, j.waits_for) ILIKE %(reason)s::text)
   AND (%(ids)s::uuid[] IS NULL OR j.id = ANY (%(ids)s::uuid[]))
   AND (%(id_from)s::uuid IS NULL OR j.id BETWEEN %(id_from)s::uuid AND %(id_to)s::uuid)
   AND (%(keys)s::text[] IS NULL OR j.id = ANY (ARRAY(
        SELECT unnest(ARRAY[r.job_id, e.job_id])
        FROM unnest(%(types)s::text[], %(keys)s::text[]) AS wanted (identifier_type, key)
        JOIN lane USING (identifier_type) JOIN enrichment e ON e.lane_id = lane.id AND e.key = wanted.key
        LEFT JOIN result r ON r.enrichment_id = e.id)))
   AND (%(request_from)s::uuid IS NULL AND %(metadata)s::jsonpath IS NULL AND %(tag)s::text IS NULL OR j.id = ANY (ARRAY(
        SELECT coalesce(r.job_id, CASE WHEN e.cycle = i.cycle THEN e.job_id END)
        FROM request JOIN request_item i ON i.request_id = request.id JOIN enrichment e ON e.id = i.enrichment_id
        LEFT JOIN result r ON r.enrichment_id = i.enrichment_id AND r.cycle = i.cycle
        WHERE (%(request_from)s::uuid IS NULL OR request.id BETWEEN %(request_from)s::uuid AND %(request_to)s::uuid)
          AND (%(metadata)s::jsonpath IS NULL OR request.metadata @@ %(metadata)s::jsonpath)
          AND (%(tag)s::text IS NULL OR request.tag = %(tag)s::text)
        GROUP BY 1)))
)

-- name: request: The requests that a filter chooses; times are those at which they were made.
(SELECT r.*, a.name AS account, l.endpoint, l.identifier_type, l.fields
 FROM request r JOIN account a ON a.id = r.account_id JOIN lane l ON l.id = r.lane_id
 WHERE (%(account)s::text IS NULL OR r.account_id = (SELECT id FROM account WHERE name = %(account)s::text))
   AND (%(endpoint)s::text IS NULL OR l.endpoint = %(endpoint)s::text)
   AND (%(type)s::text IS NULL OR l.identifier_type = %(type)s::text)
   AND (%(lane)s::integer IS NULL OR r.lane_id = %(lane)s::integer)
   AND (%(open)s::boolean IS NULL OR r.finished_at IS NULL)
   AND (%(finished)s::boolean IS NULL OR r.finished_at IS NOT NULL)
   AND (%(cancelled)s::boolean IS NULL OR r.cancelled_at IS NOT NULL)
   AND (%(failed)s::boolean IS NULL OR r.failed > 0)
   AND (%(since)s::timestamptz IS NULL OR r.created_at >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR r.created_at < %(until)s::timestamptz)
   AND (%(ids)s::uuid[] IS NULL OR r.id = ANY (%(ids)s::uuid[]))
   AND (%(id_from)s::uuid IS NULL OR r.id BETWEEN %(id_from)s::uuid AND %(id_to)s::uuid)
   AND (%(tag)s::text IS NULL OR r.tag = %(tag)s::text)
   AND (%(metadata)s::jsonpath IS NULL OR r.id = ANY (ARRAY(
        SELECT id FROM request WHERE request.metadata @@ %(metadata)s::jsonpath)))
   AND (%(keys)s::text[] IS NULL OR r.id = ANY (ARRAY(
        SELECT i.request_id
        FROM unnest(%(types)s::text[], %(keys)s::text[]) AS wanted (identifier_type, key)
        JOIN lane USING (identifier_type) JOIN enrichment e ON e.lane_id = lane.id AND e.key = wanted.key
        JOIN request_item i ON i.enrichment_id = e.id)))
   AND (%(job_from)s::uuid IS NULL OR r.id = ANY (ARRAY(
        SELECT i.request_id FROM (
            SELECT enrichment_id, cycle FROM result
            WHERE job_id BETWEEN %(job_from)s::uuid AND %(job_to)s::uuid
            UNION ALL
            SELECT id, cycle FROM enrichment WHERE job_id BETWEEN %(job_from)s::uuid AND %(job_to)s::uuid
        ) held JOIN request_item i USING (enrichment_id, cycle) GROUP BY 1)))
)

-- name: enrichment: The enrichments that a filter chooses; times are those of their settling.
(SELECT e.*, l.account_id, a.name AS account, l.endpoint, l.identifier_type, l.fields
 FROM enrichment e JOIN lane l ON l.id = e.lane_id JOIN account a ON a.id = l.account_id
 WHERE (%(account)s::text IS NULL OR a.name = %(account)s::text)
   AND (%(endpoint)s::text IS NULL OR l.endpoint = %(endpoint)s::text)
   AND (%(type)s::text IS NULL OR l.identifier_type = %(type)s::text)
   AND (%(lane)s::integer IS NULL OR e.lane_id = %(lane)s::integer)
   AND (%(states)s::text[] IS NULL OR e.state = ANY (%(states)s::text[]))
   AND (%(since)s::timestamptz IS NULL OR e.settled_at >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR e.settled_at < %(until)s::timestamptz)
   AND (%(reason)s::text IS NULL OR e.reason ILIKE %(reason)s::text)
   AND (%(ids)s::bigint[] IS NULL OR e.id = ANY (%(ids)s::bigint[]))
   AND (%(keys)s::text[] IS NULL OR e.id = ANY (ARRAY(
        SELECT named.id
        FROM unnest(%(types)s::text[], %(keys)s::text[]) AS wanted (identifier_type, key)
        JOIN lane USING (identifier_type) JOIN enrichment named ON named.lane_id = lane.id AND named.key = wanted.key)))
   AND (%(job_from)s::uuid IS NULL OR e.id = ANY (ARRAY(
        SELECT enrichment_id FROM result WHERE job_id BETWEEN %(job_from)s::uuid AND %(job_to)s::uuid
        UNION
        SELECT id FROM enrichment WHERE job_id BETWEEN %(job_from)s::uuid AND %(job_to)s::uuid)))
   AND (%(request_from)s::uuid IS NULL AND %(metadata)s::jsonpath IS NULL AND %(tag)s::text IS NULL OR e.id = ANY (ARRAY(
        SELECT i.enrichment_id FROM request JOIN request_item i ON i.request_id = request.id
        WHERE (%(request_from)s::uuid IS NULL OR request.id BETWEEN %(request_from)s::uuid AND %(request_to)s::uuid)
          AND (%(metadata)s::jsonpath IS NULL OR request.metadata @@ %(metadata)s::jsonpath)
          AND (%(tag)s::text IS NULL OR request.tag = %(tag)s::text)
        GROUP BY 1)))
)

-- name: vendor_job: The jobs on the vendor's list that a filter chooses.
(SELECT v.*, a.name AS account, coalesce(v.created_at, v.first_seen_at) AS began_at
 FROM vendor_job v JOIN account a ON a.id = v.account_id
 WHERE (%(account)s::text IS NULL OR v.account_id = (SELECT id FROM account WHERE name = %(account)s::text))
   AND (%(endpoint)s::text IS NULL OR %(endpoint)s::text = ANY (v.endpoints))
   AND (%(whose)s::text[] IS NULL OR v.whose = ANY (%(whose)s::text[]))
   AND (%(states)s::text[] IS NULL OR v.stage = ANY (%(states)s::text[]))
   AND (%(since)s::timestamptz IS NULL OR coalesce(v.created_at, v.first_seen_at) >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR coalesce(v.created_at, v.first_seen_at) < %(until)s::timestamptz)
   AND (%(reason)s::text IS NULL OR v.judged_why ILIKE %(reason)s::text)
   AND (%(ids)s::text[] IS NULL
        OR v.batch_id = ANY (%(ids)s::text[]) AND v.account_id = ANY (ARRAY(SELECT id FROM account)))
   AND (%(id_prefix)s::text IS NULL OR starts_with(v.batch_id, %(id_prefix)s::text))
   AND (%(job_from)s::uuid IS NULL OR v.job_id BETWEEN %(job_from)s::uuid AND %(job_to)s::uuid)
)

-- name: stray: The strays that a filter chooses.
(SELECT s.*, j.account_id, j.batch_id, j.lane_id, a.name AS account, l.endpoint, l.identifier_type, l.fields
 FROM stray s JOIN job j ON j.id = s.job_id JOIN account a ON a.id = j.account_id
 JOIN lane l ON l.id = j.lane_id
 WHERE (%(account)s::text IS NULL OR a.name = %(account)s::text)
   AND (%(endpoint)s::text IS NULL OR l.endpoint = %(endpoint)s::text)
   AND (%(type)s::text IS NULL OR l.identifier_type = %(type)s::text)
   AND (%(lane)s::integer IS NULL OR l.id = %(lane)s::integer)
   AND (%(since)s::timestamptz IS NULL OR s.kept_at >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR s.kept_at < %(until)s::timestamptz)
   AND (%(reason)s::text IS NULL OR s.reason ILIKE %(reason)s::text)
   AND (%(ids)s::bigint[] IS NULL OR s.id = ANY (%(ids)s::bigint[]))
   AND (%(job_from)s::uuid IS NULL OR s.job_id BETWEEN %(job_from)s::uuid AND %(job_to)s::uuid)
)

-- name: lane: The lanes that a filter chooses.
(SELECT l.*, a.name AS account
 FROM lane l JOIN account a ON a.id = l.account_id
 WHERE (%(account)s::text IS NULL OR a.name = %(account)s::text)
   AND (%(endpoint)s::text IS NULL OR l.endpoint = %(endpoint)s::text)
   AND (%(type)s::text IS NULL OR l.identifier_type = %(type)s::text)
   AND (%(paused)s::boolean IS NULL OR l.paused_at IS NOT NULL)
   AND (%(waiting)s::boolean IS NULL
        -- by its queue: where much waits a planner would rather look for the first in the whole table
        OR (SELECT true FROM enrichment e WHERE e.lane_id = l.id AND e.state = 'pending' ORDER BY e.rank LIMIT 1))
   AND (%(ids)s::integer[] IS NULL OR l.id = ANY (%(ids)s::integer[]))
   AND (%(since)s::timestamptz IS NULL OR l.created_at >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR l.created_at < %(until)s::timestamptz)
)
