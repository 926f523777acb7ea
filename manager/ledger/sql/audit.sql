-- name: done_to: What operators have done to an object, the last first.
SELECT a.id, a.at, a.who, a.via, a.why, a.action, a.filter, a.arguments, a.counts
FROM operator_action a
WHERE a.id IN (SELECT action_id FROM operator_action_object WHERE kind = %(kind)s AND object = %(object)s)
   OR (%(enrichment_id)s::bigint IS NOT NULL AND a.enrichments @> %(enrichment_id)s::bigint)
ORDER BY a.id DESC LIMIT %(limit)s

-- name: last: What operators have done, the last first.
SELECT id, at, who, via, why, action, filter, arguments, counts FROM operator_action
WHERE id < coalesce(%(before)s::bigint, 9223372036854775807) ORDER BY id DESC LIMIT %(limit)s
