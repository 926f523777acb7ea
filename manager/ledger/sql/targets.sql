-- name: ids: Those that are to be told, kept from being removed until the request is there; one that nobody
-- was told at before is missing.
SELECT t.id FROM target t
JOIN unnest(%(addresses)s::text[]) AS wanted (address) USING (address) WHERE t.events = %(events)s::text[]
ORDER BY t.id FOR KEY SHARE OF t

-- name: make: In the order of their addresses: no deadlock with another call that makes them.
INSERT INTO target (address, host, events)
SELECT address, host, %(events)s::text[]
FROM unnest(%(addresses)s::text[], %(hosts)s::text[]) AS wanted (address, host) ORDER BY address
ON CONFLICT DO NOTHING
