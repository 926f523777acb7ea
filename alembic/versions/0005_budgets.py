"""Prices, budgets and tags; what is asked for, waits and is bought is counted by day.

Revision: 0005, after 0004
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

UPGRADE = r"""
CREATE TABLE price (
    account_id INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    credits NUMERIC NOT NULL,
    PRIMARY KEY (account_id, endpoint),
    CONSTRAINT price_account FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
);

CREATE TABLE budget (
    name TEXT NOT NULL,
    account_id INTEGER,
    tag TEXT,
    per TEXT NOT NULL,
    timezone TEXT NOT NULL,
    credits NUMERIC,
    records BIGINT,
    hard BOOLEAN NOT NULL,
    blocked_until TIMESTAMP WITH TIME ZONE,
    reached_at TIMESTAMP WITH TIME ZONE,
    asked_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (name),
    CONSTRAINT budget_per CHECK (per IN ('day', 'month')),
    CONSTRAINT budget_caps CHECK (credits IS NOT NULL OR records IS NOT NULL),
    CONSTRAINT budget_account FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE day_counter (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    account_id INTEGER NOT NULL,
    lane_id INTEGER NOT NULL,
    level SMALLINT DEFAULT 0 NOT NULL,
    endpoint TEXT NOT NULL,
    tag TEXT NOT NULL,
    name TEXT NOT NULL,
    amount NUMERIC NOT NULL,
    PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX day_counter_at ON day_counter (at);
CREATE INDEX day_counter_fresh ON day_counter (at) WHERE level = 0;
CREATE INDEX day_counter_hours ON day_counter (at) WHERE level = 1;
CREATE INDEX day_counter_spent ON day_counter (at, account_id, tag)
    WHERE name IN ('bought', 'credits');

CREATE TABLE waiting_counter (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    lane_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE held (
    enrichment_id BIGINT NOT NULL,
    lane_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    rank TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (enrichment_id)
);
CREATE INDEX held_in_order ON held (lane_id, tag, rank);

ALTER TABLE request
    ADD COLUMN tag TEXT,
    ADD COLUMN hits INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN joined INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN bought INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN credits NUMERIC DEFAULT 0 NOT NULL;
ALTER TABLE enrichment ADD COLUMN cause UUID, ADD COLUMN tag TEXT;
ALTER TABLE job ADD COLUMN price NUMERIC, ADD COLUMN capacity INTEGER, ADD COLUMN tags JSONB;

-- What is counted from now on; of what waits already, how much it is.
INSERT INTO waiting_counter (lane_id, tag, amount)
SELECT lane_id, '', count(*) FROM enrichment WHERE state = 'pending' GROUP BY lane_id;

CREATE FUNCTION count_waiting() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO waiting_counter (lane_id, tag, amount)
        SELECT lane_id, coalesce(tag, ''), count(*)
        FROM new_rows WHERE state = 'pending' GROUP BY lane_id, tag;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO waiting_counter (lane_id, tag, amount)
        SELECT lane_id, coalesce(tag, ''), sum(sign)
        FROM (SELECT 1 AS sign, lane_id, tag FROM new_rows WHERE state = 'pending'
              UNION ALL SELECT -1, lane_id, tag FROM old_rows WHERE state = 'pending') e
        GROUP BY lane_id, tag HAVING sum(sign) <> 0;
    ELSE
        INSERT INTO waiting_counter (lane_id, tag, amount)
        SELECT lane_id, coalesce(tag, ''), -count(*)
        FROM old_rows WHERE state = 'pending' GROUP BY lane_id, tag;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER enrichment_waiting_insert AFTER INSERT ON enrichment
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_waiting();
CREATE TRIGGER enrichment_waiting_update AFTER UPDATE ON enrichment
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_waiting();
CREATE TRIGGER enrichment_waiting_delete AFTER DELETE ON enrichment
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_waiting();

CREATE FUNCTION count_bought() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO day_counter (account_id, lane_id, endpoint, tag, name, amount)
        SELECT j.account_id, j.lane_id, l.endpoint, s.tag, c.name, c.amount
        FROM (
            SELECT r.job_id,
                   CASE WHEN j.tags = '{}' AND r.outcome <> 'failed' THEN '' ELSE coalesce((
                       SELECT tag FROM enrichment e WHERE e.id = r.enrichment_id), '') END AS tag,
                   count(*) FILTER (WHERE r.outcome = 'fulfilled') AS bought,
                   count(*) FILTER (WHERE r.outcome = 'not_found') AS not_found,
                   count(*) FILTER (WHERE r.outcome = 'failed') AS failed
            FROM new_rows r JOIN job j ON j.id = r.job_id
            GROUP BY 1, 2
        ) s JOIN job j ON j.id = s.job_id JOIN lane l ON l.id = j.lane_id,
        LATERAL (VALUES ('bought', s.bought), ('not_found', s.not_found), ('failed', s.failed),
                        ('credits', s.bought * coalesce(j.price, 0))) c (name, amount)
        WHERE c.amount <> 0;
    ELSE
        INSERT INTO day_counter (account_id, lane_id, endpoint, tag, name, amount)
        SELECT j.account_id, j.lane_id, l.endpoint, s.tag, c.name, c.amount
        FROM (
            SELECT r.job_id, coalesce(CASE WHEN e.cycle = r.cycle THEN e.tag ELSE (
                       SELECT q.tag FROM request_item i JOIN request q ON q.id = i.request_id
                       WHERE i.enrichment_id = r.enrichment_id AND i.cycle = r.cycle
                       ORDER BY q.id LIMIT 1) END, '') AS tag,
                   sum(sign) FILTER (WHERE r.outcome = 'fulfilled') AS bought,
                   sum(sign) FILTER (WHERE r.outcome = 'not_found') AS not_found,
                   sum(sign) FILTER (WHERE r.outcome = 'failed') AS failed
            FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) r
            JOIN enrichment e ON e.id = r.enrichment_id
            GROUP BY 1, 2
        ) s JOIN job j ON j.id = s.job_id JOIN lane l ON l.id = j.lane_id,
        LATERAL (VALUES ('bought', s.bought), ('not_found', s.not_found), ('failed', s.failed),
                        ('credits', s.bought * coalesce(j.price, 0))) c (name, amount)
        WHERE c.amount <> 0;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER result_bought_insert AFTER INSERT ON result
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_bought();
CREATE TRIGGER result_bought_update AFTER UPDATE ON result
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_bought();

CREATE FUNCTION count_asked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO day_counter (account_id, lane_id, endpoint, tag, name, amount)
        SELECT l.account_id, l.id, l.endpoint, coalesce(r.tag, ''), c.name, sum(c.amount)
        FROM new_rows r JOIN lane l ON l.id = r.lane_id,
        LATERAL (VALUES ('requests', 1), ('asked', r.total), ('hits', r.hits),
                        ('joined', r.joined)) c (name, amount)
        GROUP BY l.id, r.tag, c.name HAVING sum(c.amount) <> 0;
    ELSE
        INSERT INTO day_counter (account_id, lane_id, endpoint, tag, name, amount)
        SELECT l.account_id, l.id, l.endpoint, coalesce(r.tag, ''), c.name, sum(c.amount)
        FROM new_rows r JOIN old_rows o USING (id) JOIN lane l ON l.id = r.lane_id,
        LATERAL (
            SELECT greatest(r.fulfilled + r.not_found + r.failed - r.hits
                            - (o.fulfilled + o.not_found + o.failed - o.hits), 0) AS settled,
                   greatest(extract(epoch FROM clock_timestamp() - r.created_at), 0.001) AS seconds
        ) s,
        LATERAL (VALUES ('hits', r.hits - o.hits), ('joined', r.joined - o.joined),
                        ('settled', s.settled), ('waited', s.settled * round(s.seconds, 3)),
                        ('wait ' || width_bucket(ln(s.seconds) / ln(2.0), 0, 28, 28), s.settled)
                ) c (name, amount)
        WHERE c.amount <> 0
        GROUP BY l.id, r.tag, c.name HAVING sum(c.amount) <> 0;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER request_asked_insert AFTER INSERT ON request
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_asked();
CREATE TRIGGER request_asked_update AFTER UPDATE ON request
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_asked();

CREATE FUNCTION count_submitted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO day_counter (account_id, lane_id, endpoint, tag, name, amount)
    SELECT NEW.account_id, NEW.lane_id, l.endpoint, s.tag, c.name, c.amount
    FROM lane l, (
        SELECT coalesce(tag, '') AS tag, count(*) AS size, sum(count(*)) OVER () AS whole
        FROM enrichment WHERE job_id = NEW.id GROUP BY tag
    ) s, LATERAL (VALUES
        ('jobs', round(s.size / s.whole, 6)), ('submitted', s.size),
        ('capacity', round(coalesce(NEW.capacity, NEW.identifier_count) * s.size / s.whole, 6))
    ) c (name, amount)
    WHERE l.id = NEW.lane_id;
    RETURN NULL;
END $$;

CREATE TRIGGER job_submitted AFTER UPDATE OF accepted_at ON job FOR EACH ROW
    WHEN (OLD.accepted_at IS NULL AND NEW.accepted_at IS NOT NULL)
    EXECUTE FUNCTION count_submitted();

CREATE FUNCTION price_job() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.price := (SELECT p.credits FROM price p JOIN lane l ON l.endpoint = p.endpoint
                  WHERE p.account_id = NEW.account_id AND l.id = NEW.lane_id);
    RETURN NEW;
END $$;

CREATE TRIGGER job_priced BEFORE INSERT ON job FOR EACH ROW
    WHEN (NEW.price IS NULL) EXECUTE FUNCTION price_job();

CREATE FUNCTION disown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.cause := NULL;
    NEW.tag := NULL;
    RETURN NEW;
END $$;

CREATE TRIGGER enrichment_disowned BEFORE UPDATE ON enrichment FOR EACH ROW
    WHEN (OLD.cycle < NEW.cycle AND OLD.state <> 'failed' AND OLD.cause = NEW.cause)
    EXECUTE FUNCTION disown();
"""

DOWNGRADE = """
DROP TRIGGER enrichment_waiting_insert ON enrichment;
DROP TRIGGER enrichment_waiting_update ON enrichment;
DROP TRIGGER enrichment_waiting_delete ON enrichment;
DROP TRIGGER result_bought_insert ON result;
DROP TRIGGER result_bought_update ON result;
DROP TRIGGER request_asked_insert ON request;
DROP TRIGGER request_asked_update ON request;
DROP TRIGGER job_submitted ON job;
DROP TRIGGER job_priced ON job;
DROP TRIGGER enrichment_disowned ON enrichment;
DROP FUNCTION count_waiting();
DROP FUNCTION count_bought();
DROP FUNCTION count_asked();
DROP FUNCTION count_submitted();
DROP FUNCTION price_job();
DROP FUNCTION disown();
-- what waits for a budget is bought like anything else
UPDATE enrichment e SET rank = h.rank
FROM held h WHERE h.enrichment_id = e.id AND e.state = 'pending' AND e.rank = 'infinity';
DROP TABLE price, budget, day_counter, waiting_counter, held;
ALTER TABLE request DROP COLUMN tag, DROP COLUMN hits, DROP COLUMN joined, DROP COLUMN bought,
    DROP COLUMN credits;
ALTER TABLE enrichment DROP COLUMN cause, DROP COLUMN tag;
ALTER TABLE job DROP COLUMN price, DROP COLUMN capacity, DROP COLUMN tags;
"""


def upgrade() -> None:
    """Add them."""
    op.get_bind().exec_driver_sql(UPGRADE.replace("%", "%%"))


def downgrade() -> None:
    """Take them back, and with them what was counted."""
    op.get_bind().exec_driver_sql(DOWNGRADE.replace("%", "%%"))
