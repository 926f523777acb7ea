-- name: ended_among: Which of these jobs have ended.
SELECT id FROM job WHERE id = ANY(%(job_ids)s) AND ended_at IS NOT NULL

-- name: forgotten_among: Those of these jobs of which something was forgotten.
SELECT id FROM job WHERE id = ANY(%(job_ids)s) AND forgotten_at IS NOT NULL
