-- name: create: A private table for one merge.
CREATE TEMPORARY TABLE enrichd_merge (
    line integer NOT NULL,
    key text COLLATE "C",
    internal_id bigint,
    record text,
    reason text
) ON COMMIT DROP

-- name: fill: Streams the envelopes in.
COPY enrichd_merge (line, key, internal_id, record, reason) FROM STDIN

-- name: drop_unstorable: Only after the database refused a record: marks each one that it would refuse.
UPDATE enrichd_merge SET record = NULL, reason = 'the record cannot be stored as jsonb'
WHERE record IS NOT NULL AND NOT pg_input_is_valid(record, 'jsonb')

-- name: analyze: The joins below are planned for its real size.
ANALYZE enrichd_merge

-- name: copy_strays: Keeps them for the operator.
COPY stray (job_id, line, reason, envelope) FROM STDIN
