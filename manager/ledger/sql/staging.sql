-- name: asked: What the job asks for, or has asked for.
SELECT id, key, identifier FROM enrichment WHERE job_id = %(job_id)s
UNION
SELECT e.id, e.key, e.identifier FROM result r JOIN enrichment e ON e.id = r.enrichment_id
WHERE r.job_id = %(job_id)s

-- name: create: A private table for one merge.
CREATE TEMPORARY TABLE enrichd_merge (
    line integer NOT NULL,
    enrichment_id bigint,
    sent boolean NOT NULL,
    internal_id bigint,
    record text,
    reason text
) ON COMMIT DROP

-- name: fill: Streams the envelopes in, once for each enrichment that one names.
COPY enrichd_merge (line, enrichment_id, sent, internal_id, record, reason) FROM STDIN

-- name: drop_unstorable: Only after the database refused a record: marks each one that it refuses. It is asked
-- for one after the other, since no version before 16 has pg_input_is_valid.
DO $$
DECLARE
    envelope record;
BEGIN
    FOR envelope IN SELECT line, record AS text FROM enrichd_merge WHERE record IS NOT NULL LOOP
        BEGIN
            PERFORM envelope.text::jsonb;
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            UPDATE enrichd_merge SET record = NULL, reason = 'the record cannot be stored as jsonb'
            WHERE line = envelope.line;
        END;
    END LOOP;
END $$

-- name: analyze: The joins below are planned for its real size.
ANALYZE enrichd_merge

-- name: copy_strays: Keeps them for the operator.
COPY stray (job_id, line, reason, envelope) FROM STDIN
