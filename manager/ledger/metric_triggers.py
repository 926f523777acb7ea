"""Triggers that count for metrics: sums that only grow, whatever is retained, repeated or mended.

Each is a row of account_counter whose name begins with `metric`, added up like the others. What a
job has done is counted as it moves, with its lane's endpoint and identifier type:

    metric moved FROM TO ENDPOINT TYPE           moves of jobs; FROM is `new` for one that is packed
    metric unresolved ENDPOINT TYPE              submissions whose answer was lost
    metric accepted|merged|delivered ENDPOINT TYPE   identifiers, and lines of results
    metric spent bought|credits ENDPOINT         records, and millionths of credits
    metric took WHAT ENDPOINT TYPE BOUND|sum     how long it took: a histogram, sums in milliseconds

What requests have asked for, and what became of it, is counted already, but less once a request is
retained, or a failed item mended: `metric less NAME` is by how much.
"""

from __future__ import annotations

# Upper bounds in seconds; what takes longer is counted under +Inf.
BOUNDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400)

MEASURE_JOB = """
CREATE FUNCTION measure_job() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state ELSE 'new' END;
    bounds float[] := '{BOUNDS}';
    lane_of text := (SELECT endpoint || ' ' || identifier_type FROM lane WHERE id = NEW.lane_id);
BEGIN
    INSERT INTO account_counter (account_id, name, amount)
    SELECT NEW.account_id, 'metric ' || c.name || ' ' || lane_of, c.amount
    FROM (VALUES
        ('moved ' || before || ' ' || NEW.state, CASE WHEN before <> NEW.state THEN 1 END),
        ('unresolved', CASE WHEN NEW.state = 'submitting' AND NEW.unresolved_at IS NOT NULL
                                 AND OLD.unresolved_at IS NULL THEN 1 END),
        ('accepted', CASE WHEN before = 'submitting' AND NEW.state = 'pending'
                     THEN NEW.identifier_count END),
        ('merged', CASE WHEN before <> 'merged' AND NEW.state = 'merged'
                   THEN NEW.identifier_count END),
        ('delivered', CASE WHEN before <> 'merged' AND NEW.state = 'merged'
                      THEN NEW.result_count END)
    ) c (name, amount)
    WHERE c.amount > 0;
    INSERT INTO account_counter (account_id, name, amount)
    SELECT NEW.account_id, 'metric took ' || t.what || ' ' || lane_of || ' ' || c.name, c.amount
    FROM (
        SELECT what, greatest(extract(epoch FROM ended - began), 0)::float AS seconds
        FROM (VALUES
            ('waiting', before = 'submitting' AND NEW.state = 'pending',
             NEW.created_at, NEW.accepted_at),
            ('submission', before = 'submitting' AND NEW.state = 'pending',
             NEW.submitting_at, NEW.accepted_at),
            ('vendor',
             before IN ('pending', 'processing') AND NEW.state IN ('completed', 'stopped'),
             NEW.accepted_at, NEW.completed_at),
            ('results', before IN ('completed', 'stopped') AND NEW.state = 'merged',
             NEW.completed_at, NEW.ended_at)
        ) m (what, done, began, ended)
        WHERE done AND began IS NOT NULL AND ended IS NOT NULL
    ) t, LATERAL (VALUES
        (coalesce(bounds[width_bucket(t.seconds, bounds) + 1]::text, '+Inf'), 1),
        ('sum', round(t.seconds * 1000)::bigint)
    ) c (name, amount)
    WHERE c.amount > 0;
    RETURN NULL;
END $$
""".replace("BOUNDS", ",".join(f"{it:g}" for it in BOUNDS))

MEASURE_REQUESTS = """
CREATE FUNCTION measure_requests() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO account_counter (account_id, name, amount)
        SELECT account_id, 'metric requests', count(*) FROM new_rows GROUP BY account_id;
    ELSE
        INSERT INTO account_counter (account_id, name, amount)
        SELECT account_id, 'metric less ' || c.name, sum(c.amount)
        FROM old_rows, LATERAL (VALUES
            ('total', total), ('fulfilled', fulfilled), ('not_found', not_found),
            ('failed', failed), ('cancelled', cancelled)) c (name, amount)
        GROUP BY account_id, c.name HAVING sum(c.amount) <> 0;
    END IF;
    RETURN NULL;
END $$
"""

MEASURE_REQUEST = """
CREATE FUNCTION measure_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO account_counter (account_id, name, amount)
    SELECT NEW.account_id, 'metric less ' || c.name, c.amount
    FROM (VALUES
        ('fulfilled', OLD.fulfilled - NEW.fulfilled), ('not_found', OLD.not_found - NEW.not_found),
        ('failed', OLD.failed - NEW.failed), ('cancelled', OLD.cancelled - NEW.cancelled)
    ) c (name, amount)
    WHERE c.amount > 0;
    RETURN NULL;
END $$
"""

MEASURE_SPENT = """
CREATE FUNCTION measure_spent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO account_counter (account_id, name, amount)
    VALUES (NEW.account_id, 'metric spent ' || NEW.name || ' ' || NEW.endpoint,
            round(NEW.amount * CASE NEW.name WHEN 'credits' THEN 1000000 ELSE 1 END)::bigint);
    RETURN NULL;
END $$
"""

CREATE = (
    MEASURE_JOB,
    "CREATE TRIGGER job_measured_insert AFTER INSERT ON job FOR EACH ROW "
    "EXECUTE FUNCTION measure_job()",
    "CREATE TRIGGER job_measured AFTER UPDATE OF state, unresolved_at ON job FOR EACH ROW "
    "WHEN (OLD.state <> NEW.state OR OLD.unresolved_at IS NULL AND NEW.unresolved_at IS NOT NULL) "
    "EXECUTE FUNCTION measure_job()",
    MEASURE_REQUESTS,
    "CREATE TRIGGER request_measured_insert AFTER INSERT ON request "
    "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION measure_requests()",
    "CREATE TRIGGER request_measured_delete AFTER DELETE ON request "
    "REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION measure_requests()",
    MEASURE_REQUEST,
    "CREATE TRIGGER request_measured AFTER UPDATE ON request FOR EACH ROW "
    "WHEN (NEW.fulfilled < OLD.fulfilled OR NEW.not_found < OLD.not_found "
    "OR NEW.failed < OLD.failed OR NEW.cancelled < OLD.cancelled) "
    "EXECUTE FUNCTION measure_request()",
    MEASURE_SPENT,
    "CREATE TRIGGER day_counter_measured AFTER INSERT ON day_counter FOR EACH ROW "
    "WHEN (NEW.level = 0 AND NEW.name IN ('bought', 'credits') AND NEW.amount > 0) "
    "EXECUTE FUNCTION measure_spent()",
)
