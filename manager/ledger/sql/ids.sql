-- name: jobs: The newest jobs whose ids begin so.
SELECT c.id::text FROM chosen_jobs c ORDER BY c.id DESC LIMIT %(limit)s

-- name: requests: The newest requests whose ids begin so.
SELECT c.id::text FROM chosen_requests c ORDER BY c.id DESC LIMIT %(limit)s

-- name: enrichments: The enrichment that has this number.
SELECT c.id::text FROM chosen_enrichments c LIMIT %(limit)s

-- name: vendor_jobs: The newest of the vendor's jobs whose ids begin so.
SELECT DISTINCT c.batch_id FROM chosen_vendor_jobs c ORDER BY c.batch_id LIMIT %(limit)s

-- name: strays: The stray that has this number.
SELECT c.id::text FROM chosen_strays c LIMIT %(limit)s

-- name: lanes: The lane that has this number.
SELECT c.id::text FROM chosen_lanes c LIMIT %(limit)s
