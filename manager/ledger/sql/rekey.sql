-- name: rules: By which rules the ledger's keys were normalised.
SELECT key_rules FROM ledger

-- name: ruled: All that can follow these rules does.
UPDATE ledger SET key_rules = %(rules)s

-- name: old: Enrichments whose keys may be others by today's rules. Stands for `old` in others' statements.
(SELECT e.id, l.identifier_type, e.key, e.identifier, e.state
 FROM enrichment e JOIN lane l ON l.id = e.lane_id
 WHERE CASE l.identifier_type
       WHEN 'professional_network_profile_urls'
       THEN e.key !~ '^https://linkedin[.]com/(company|school|showcase|in)/[a-z0-9-]+$'
       WHEN 'names' THEN e.key ~ '[^ -~]'
       WHEN 'business_emails' THEN e.key ~ '[^ -~]' END)

-- name: unruly: The next of them.
SELECT e.* FROM old e WHERE e.id > %(after)s ORDER BY e.id LIMIT %(limit)s

-- name: ended_in: Those of them that have ended in the job.
SELECT e.* FROM old e JOIN result r ON r.enrichment_id = e.id WHERE r.job_id = %(job_id)s

-- name: rekey: Gives each its key by today's rules, unless another has it: then both stay as they are. What is
-- in a job stays, too: a daemon of the release before may be the one to merge it. Of several that are one
-- by now, the one with the newest result.
WITH wanted AS (
    SELECT DISTINCT ON (e.lane_id, new.key) e.id, new.key, new.identifier
    FROM unnest(%(ids)s::bigint[], %(keys)s::text[], %(identifiers)s::text[]) AS new (id, key, identifier)
    JOIN enrichment e USING (id)
    WHERE e.state NOT IN ('packed', 'failed')
      AND NOT EXISTS (SELECT FROM enrichment o
                      WHERE o.lane_id = e.lane_id AND o.key = new.key COLLATE "C" AND o.id <> e.id)
    ORDER BY e.lane_id, new.key, e.state = 'fulfilled' DESC, e.settled_at DESC NULLS LAST, e.id
)
UPDATE enrichment e SET key = wanted.key, identifier = wanted.identifier
FROM wanted WHERE e.id = wanted.id AND e.state NOT IN ('packed', 'failed')
