"""What lets a ledger live for years: retention, forgetting, counters, autovacuum.

Indexes are made within the migration, under its lock: those on job within a moment, that on request
in about a second a million. Whoever has tens of millions of requests makes it before, beside the
work, and the migration finds it there:

    CREATE INDEX CONCURRENTLY request_by_lane ON request (lane_id, id);

Revision: 0003, after 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

UPGRADE = r"""
CREATE TABLE account_counter (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE forgetting (
    enrichment_id BIGINT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (enrichment_id),
    CONSTRAINT forgetting_enrichment FOREIGN KEY(enrichment_id) REFERENCES enrichment (id)
);

CREATE TABLE retention (
    name TEXT NOT NULL,
    place TEXT,
    began_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    seconds DOUBLE PRECISION DEFAULT 0 NOT NULL,
    removed BIGINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (name)
);

-- loosened: what was forgotten keeps its outcome alone. Not valid, so that no row is read for it:
-- those that are there were held to more.
ALTER TABLE result
    ADD COLUMN forgotten_at TIMESTAMP WITH TIME ZONE,
    DROP CONSTRAINT result_fulfilled_has_record,
    DROP CONSTRAINT result_failed_has_reason,
    ADD CONSTRAINT result_has_what_it_says CHECK (forgotten_at IS NOT NULL OR ((outcome =
        'fulfilled') = (record IS NOT NULL) AND (outcome = 'failed') = (reason IS NOT NULL)))
        NOT VALID;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM result) THEN
        ALTER TABLE result VALIDATE CONSTRAINT result_has_what_it_says;
    END IF;
END $$;
ALTER TABLE job ADD COLUMN forgotten_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX job_live ON job (account_id, state, due_at) WHERE state IN ('completed', 'packed',
    'pending', 'processing', 'stopped', 'submitting');
CREATE INDEX job_given_up ON job (account_id, due_at) WHERE given_up_at IS NOT NULL;
CREATE INDEX job_accepted ON job (account_id, accepted_at) WHERE accepted_at IS NOT NULL;
CREATE INDEX job_completed ON job (account_id, completed_at) WHERE completed_at IS NOT NULL;
CREATE INDEX job_by_end ON job (account_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX job_by_account ON job (account_id, id);
CREATE INDEX IF NOT EXISTS request_by_lane ON request (lane_id, id);

-- counters instead of a look at the whole history
CREATE FUNCTION count_requests() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO account_counter (account_id, name, amount)
        SELECT account_id, c.name, sum(c.amount)
        FROM new_rows, LATERAL (VALUES
            ('open_requests', (finished_at IS NULL)::integer), ('total', total),
            ('fulfilled', fulfilled), ('not_found', not_found), ('failed', failed),
            ('cancelled', cancelled)) c (name, amount)
        GROUP BY account_id, c.name HAVING sum(c.amount) <> 0;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO account_counter (account_id, name, amount)
        SELECT account_id, c.name, sum(sign * c.amount)
        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) r,
        LATERAL (VALUES
            ('open_requests', (finished_at IS NULL)::integer), ('total', total),
            ('fulfilled', fulfilled), ('not_found', not_found), ('failed', failed),
            ('cancelled', cancelled)) c (name, amount)
        GROUP BY account_id, c.name HAVING sum(sign * c.amount) <> 0;
    ELSE
        INSERT INTO account_counter (account_id, name, amount)
        SELECT account_id, c.name, -sum(c.amount)
        FROM old_rows, LATERAL (VALUES
            ('open_requests', (finished_at IS NULL)::integer), ('total', total),
            ('fulfilled', fulfilled), ('not_found', not_found), ('failed', failed),
            ('cancelled', cancelled)) c (name, amount)
        GROUP BY account_id, c.name HAVING sum(c.amount) <> 0;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION count_jobs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO account_counter (account_id, name, amount)
        SELECT account_id, 'jobs ' || state, count(*)
        FROM new_rows WHERE ended_at IS NOT NULL GROUP BY account_id, state;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO account_counter (account_id, name, amount)
        SELECT account_id, 'jobs ' || state, sum(sign)
        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) j
        WHERE ended_at IS NOT NULL GROUP BY account_id, state HAVING sum(sign) <> 0;
    ELSE
        INSERT INTO account_counter (account_id, name, amount)
        SELECT account_id, 'jobs ' || state, -count(*)
        FROM old_rows WHERE ended_at IS NOT NULL GROUP BY account_id, state;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER request_counted_insert AFTER INSERT ON request REFERENCING
    NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_requests();
CREATE TRIGGER request_counted_delete AFTER DELETE ON request REFERENCING
    OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_requests();
CREATE TRIGGER request_counted_update AFTER UPDATE ON request REFERENCING
    OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_requests();
CREATE TRIGGER job_counted_insert AFTER INSERT ON job REFERENCING
    NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();
CREATE TRIGGER job_counted_delete AFTER DELETE ON job REFERENCING
    OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();
CREATE TRIGGER job_counted_update AFTER UPDATE ON job REFERENCING
    OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();

INSERT INTO account_counter (account_id, name, amount)
SELECT account_id, c.name, sum(c.amount)
FROM request, LATERAL (VALUES
    ('open_requests', (finished_at IS NULL)::integer), ('total', total), ('fulfilled', fulfilled),
    ('not_found', not_found), ('failed', failed), ('cancelled', cancelled)) c (name, amount)
GROUP BY account_id, c.name HAVING sum(c.amount) <> 0;
INSERT INTO account_counter (account_id, name, amount)
SELECT account_id, 'jobs ' || state, count(*) FROM job WHERE ended_at IS NOT NULL
GROUP BY account_id, state;

-- Autovacuum waits, by default, until a fifth of a table is dead. Of an enrichment table of ten
-- million rows two million would be dead by then, and the packer walks over their entries in the
-- index that is its queue. Cost: a vacuum for each 2 % that changes, at five times the usual pace.
ALTER TABLE enrichment SET (autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_cost_limit = 1000);
-- Inserted once and read for years; retention deletes in small batches.
ALTER TABLE request_item SET (autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE result SET (autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
-- Its counters are in no index: with room on the page an update of them touches nothing else. A
-- fill factor holds for pages that are filled from now on; nothing is rewritten.
ALTER TABLE request SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05);
-- Small tables whose rows are updated again and again.
ALTER TABLE job SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE vendor_job SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 500);
ALTER TABLE account SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500);
"""

DOWNGRADE = """
DROP TRIGGER request_counted_insert ON request;
DROP TRIGGER request_counted_update ON request;
DROP TRIGGER request_counted_delete ON request;
DROP TRIGGER job_counted_insert ON job;
DROP TRIGGER job_counted_update ON job;
DROP TRIGGER job_counted_delete ON job;
DROP FUNCTION count_requests();
DROP FUNCTION count_jobs();
DROP TABLE account_counter, forgetting, retention;
DROP INDEX job_live, job_given_up, job_accepted, job_completed, job_by_end, job_by_account,
    request_by_lane;
-- what was forgotten stays so: an empty record, and a reason only where one must be
ALTER TABLE result DROP CONSTRAINT result_has_what_it_says;
UPDATE result SET record = CASE WHEN outcome = 'fulfilled' THEN '{}'::jsonb END,
    reason = CASE WHEN outcome = 'failed' THEN 'forgotten' END
WHERE forgotten_at IS NOT NULL;
ALTER TABLE result
    DROP COLUMN forgotten_at,
    ADD CONSTRAINT result_fulfilled_has_record CHECK ((outcome = 'fulfilled') = (record IS NOT
        NULL)),
    ADD CONSTRAINT result_failed_has_reason CHECK ((outcome = 'failed') = (reason IS NOT NULL));
ALTER TABLE job DROP COLUMN forgotten_at;
ALTER TABLE enrichment RESET (autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_insert_scale_factor, autovacuum_analyze_scale_factor,
    autovacuum_vacuum_cost_limit);
ALTER TABLE request_item RESET (autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_insert_scale_factor, autovacuum_analyze_scale_factor);
ALTER TABLE result RESET (autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_insert_scale_factor, autovacuum_analyze_scale_factor);
ALTER TABLE request RESET (fillfactor, autovacuum_vacuum_scale_factor,
    autovacuum_analyze_scale_factor);
ALTER TABLE job RESET (fillfactor, autovacuum_vacuum_scale_factor,
    autovacuum_analyze_scale_factor);
ALTER TABLE vendor_job RESET (fillfactor, autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_threshold);
ALTER TABLE account RESET (fillfactor, autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_threshold);
"""


def upgrade() -> None:
    """Add what is new, and loosen what would refuse it."""
    op.get_bind().exec_driver_sql(UPGRADE.replace("%", "%%"))


def downgrade() -> None:
    """Take it back; what was forgotten stays so."""
    op.get_bind().exec_driver_sql(DOWNGRADE.replace("%", "%%"))
