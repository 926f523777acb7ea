-- What an hour's work of a daemon leaves in the ledger, for requests that are there.

-- Jobs that have held the slots one after another; the sixth of the fourth slot has failed.
INSERT INTO job (id, account_id, lane_id, state, why, slot, batch_id, vendor_status, identifier_count,
                 attempts, result_count, entities_fulfilled, entities_requested, created_at,
                 submitting_at, accepted_at, processing_at, completed_at, ended_at, error, price)
SELECT gen_random_uuid(), l.account_id, l.id,
       CASE WHEN s = 4 AND n = 6 THEN 'failed' ELSE 'merged' END,
       CASE WHEN s = 4 AND n = 6 THEN 'the vendor said: internal error' ELSE '9,871 results' END,
       NULL, 'batch-' || s || '-' || n, CASE WHEN s = 4 AND n = 6 THEN 'failed' ELSE 'completed' END,
       9000 + 37 * n, 1, CASE WHEN s = 4 AND n = 6 THEN 0 ELSE 8800 + 30 * n END, 8800 + 30 * n, 9000 + 37 * n,
       at - interval '40 s', at, at + interval '1 s', at + interval '9 s',
       at + length, at + length + interval '20 s',
       CASE WHEN s = 4 AND n = 6 THEN 'the vendor said: internal error' END, 0.5
FROM (SELECT id, account_id FROM lane ORDER BY id LIMIT 1) l, generate_series(1, 5) s,
     generate_series(1, 9) n,
     LATERAL (SELECT now() - interval '62 min' + n * interval '6 min' + s * interval '23 s' AS at,
                     interval '4 min' + ((s * n) % 5) * interval '21 s' AS length) t;

-- Jobs that hold slots, and one that waits for one.
INSERT INTO job (id, account_id, lane_id, state, why, slot, batch_id, vendor_status, identifier_count,
                 attempts, created_at, submitting_at, accepted_at, processing_at, waits_for, error)
SELECT gen_random_uuid(), l.account_id, l.id, v.state, v.why, v.slot, v.batch_id, v.status, v.size, 1,
       now() - interval '5 min', now() - v.since, CASE WHEN v.batch_id IS NOT NULL THEN now() - v.since END,
       CASE WHEN v.state = 'processing' THEN now() - v.since END, v.waits_for, v.error
FROM (SELECT id, account_id FROM lane ORDER BY id LIMIT 1) l, (VALUES
    ('processing', 'the vendor works on it', 1, 'live-1', 'processing', 9876, interval '3 min', NULL, NULL),
    ('processing', 'the vendor works on it', 2, 'live-2', 'processing', 4012, interval '150 s', NULL, NULL),
    ('pending', 'accepted by the vendor', 3, 'live-3', 'pending', 120, interval '20 s', NULL, NULL),
    ('submitting', 'the answer was lost', 4, NULL, NULL, 77, interval '70 s', NULL, 'no answer within 30 s'),
    ('packed', 'packed', NULL, NULL, NULL, 2000, NULL, 'a slot', NULL)
) v (state, why, slot, batch_id, status, size, since, waits_for, error);

-- Two thirds of what was asked for have a result.
WITH done AS (
    UPDATE enrichment SET state = 'packed', job_id = (SELECT id FROM job WHERE state = 'merged' LIMIT 1)
    WHERE id % 3 <> 0 OR identifier = 'stripe.com' RETURNING id, id % 3 = 1 OR identifier = 'stripe.com' AS found
), j AS (SELECT id FROM job WHERE state = 'merged' LIMIT 1)
INSERT INTO result (enrichment_id, cycle, outcome, internal_id, record, reason, job_id, fetched_at)
SELECT id, 1, CASE WHEN found THEN 'fulfilled' ELSE 'not_found' END, 1000 + id,
       CASE WHEN found THEN jsonb_build_object('basic_info', jsonb_build_object('name', 'Company ' || id),
           'headcount', jsonb_build_object('total', 10 * id)) END,
       NULL, (SELECT id FROM j), now() - interval '20 min' FROM done;

UPDATE enrichment e SET state = r.outcome, job_id = NULL, settled_at = r.fetched_at
FROM result r WHERE r.enrichment_id = e.id;

-- The requests' counters are true.
UPDATE request r SET fulfilled = c.fulfilled, not_found = c.not_found,
       finished_at = CASE WHEN c.fulfilled + c.not_found = r.total THEN now() - interval '10 min' END
FROM (SELECT i.request_id, count(*) FILTER (WHERE state = 'fulfilled') AS fulfilled,
             count(*) FILTER (WHERE state = 'not_found') AS not_found
      FROM request_item i JOIN enrichment e ON e.id = i.enrichment_id GROUP BY 1) c
WHERE c.request_id = r.id;

-- Each job has the history that its times tell.
WITH emptied AS (DELETE FROM job_event)
INSERT INTO job_event (job_id, at, from_state, to_state, why, by)
SELECT j.id, e.at, e.from_state, e.to_state, e.why, 'enrichd:worker host:1'
FROM job j, LATERAL (VALUES
    (1, j.created_at, NULL, 'packed', 'the lane has 10,000 pending'),
    (2, j.submitting_at, 'packed', 'submitting',
     'attempt 1 in slot ' || coalesce(j.slot::text, split_part(j.batch_id, '-', 2))),
    (3, j.accepted_at, 'submitting', 'pending', 'accepted by the vendor'),
    (4, j.processing_at, 'pending', 'processing', 'the vendor works on it'),
    (5, CASE WHEN j.state = 'failed' THEN NULL ELSE j.completed_at END, 'processing', 'completed', 'seen on the list'),
    (6, j.ended_at, CASE j.state WHEN 'failed' THEN 'processing' ELSE 'completed' END, j.state, j.why)
) e (n, at, from_state, to_state, why) WHERE e.at IS NOT NULL ORDER BY e.at, e.n;

-- The vendor's list shows ours, and another's.
INSERT INTO vendor_job (account_id, batch_id, entity, action, endpoints, identifier_count, status, stage,
                        created_at, whose, job_id, judged_at, judged_why)
SELECT account_id, batch_id, 'company', 'enrich', ARRAY['company/enrich'], identifier_count, vendor_status,
       CASE vendor_status WHEN 'failed' THEN 'failed' WHEN 'completed' THEN 'completed'
           WHEN 'processing' THEN 'processing' ELSE 'pending' END,
       accepted_at, 'ours', id, accepted_at, 'its own answer' FROM job WHERE batch_id IS NOT NULL
UNION ALL
SELECT id, 'theirs-1', 'company', 'enrich', ARRAY['company/enrich'], 5000, 'processing', 'processing',
       now() - interval '9 min', 'foreign', NULL, now(), 'no submission of ours has its size' FROM account;

-- Envelopes that settled nothing.
INSERT INTO stray (job_id, line, reason, envelope)
SELECT id, n, 'repeated', convert_to('{"original_identifier": "acme.com"}', 'UTF8')
FROM (SELECT id FROM job WHERE state = 'merged' LIMIT 1) j, generate_series(1, 3) n;

UPDATE account SET swept_at = now(), looked_at = now(), foreign_active = 1;
