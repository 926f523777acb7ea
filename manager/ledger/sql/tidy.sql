-- name: ended_among: Which of these jobs have ended.
SELECT id FROM job WHERE id = ANY(%(job_ids)s) AND ended_at IS NOT NULL
