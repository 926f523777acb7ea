"""The triggers that count what is asked for, waits, is submitted and is bought, by day and tag.

Once a statement, as rows that are added up later, so that no writer waits for another one; by
whatever release writes, in its own transaction. They run as the ledger's owner: a caller's role
need not know of what they write.
"""

from __future__ import annotations

# What waits for a job, by lane and tag.
COUNT_WAITING = """
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
END $$
"""

# What was bought, and what came of the rest; at the price of the job. A purchase is its cycle's,
# for whose tag it was made; of an earlier cycle the oldest request tells. Of a job without tags
# none is looked up; but what fails with its lane was never in the job.
COUNT_BOUGHT = """
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
END $$
"""

# What requests have asked for, had at once or joined; and how long what was settled had waited: the
# bucket N is of less than 2^N seconds. What is retried, or retained, has been settled all the same.
COUNT_ASKED = """
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
END $$
"""

# A job that the vendor has accepted, by the tags that share it.
COUNT_SUBMITTED = """
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
END $$
"""

# A daemon of the release before packs without a price, and the schema knows it.
PRICE_JOB = """
CREATE FUNCTION price_job() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.price := (SELECT p.credits FROM price p JOIN lane l ON l.endpoint = p.endpoint
                  WHERE p.account_id = NEW.account_id AND l.id = NEW.lane_id);
    RETURN NEW;
END $$
"""

# A caller of the release before begins a cycle and leaves the cause and the tag of the last one,
# whose budget would pay. (What has failed may be retried by the very request that was its cause.)
DISOWN = """
CREATE FUNCTION disown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.cause := NULL;
    NEW.tag := NULL;
    RETURN NEW;
END $$
"""

_SEEN = {"INSERT": "NEW TABLE AS new_rows", "DELETE": "OLD TABLE AS old_rows"}
_SEEN["UPDATE"] = f"{_SEEN['DELETE']} {_SEEN['INSERT']}"


def _after(command: str, table: str, function: str) -> str:
    """Transition tables want a trigger for each command."""
    return (
        f"CREATE TRIGGER {table}_{function}_{command.lower()} AFTER {command} ON {table} "
        f"REFERENCING {_SEEN[command]} FOR EACH STATEMENT EXECUTE FUNCTION count_{function}()"
    )


CREATE = (
    COUNT_WAITING,
    *(_after(command, "enrichment", "waiting") for command in ("INSERT", "UPDATE", "DELETE")),
    COUNT_BOUGHT,
    *(_after(command, "result", "bought") for command in ("INSERT", "UPDATE")),
    COUNT_ASKED,
    *(_after(command, "request", "asked") for command in ("INSERT", "UPDATE")),
    COUNT_SUBMITTED,
    "CREATE TRIGGER job_submitted AFTER UPDATE OF accepted_at ON job FOR EACH ROW "
    "WHEN (OLD.accepted_at IS NULL AND NEW.accepted_at IS NOT NULL) "
    "EXECUTE FUNCTION count_submitted()",
    PRICE_JOB,
    "CREATE TRIGGER job_priced BEFORE INSERT ON job FOR EACH ROW "
    "WHEN (NEW.price IS NULL) EXECUTE FUNCTION price_job()",
    DISOWN,
    "CREATE TRIGGER enrichment_disowned BEFORE UPDATE ON enrichment FOR EACH ROW "
    "WHEN (OLD.cycle < NEW.cycle AND OLD.state <> 'failed' AND OLD.cause = NEW.cause) "
    "EXECUTE FUNCTION disown()",
)
