"""The schema's triggers: no move outside the state machines, no job move without its event."""

from __future__ import annotations

from sqlalchemy import DDL, event

from manager.ledger import metric_triggers, notice_triggers, spend_triggers
from manager.ledger.models import LedgerModel
from manager.ledger.states import ENRICHMENT_MOVES, JOB_MOVES, move_guard

REFUSE_MOVE = """
CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % may not go from % to %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$
"""

# `why` is written by the statement that moves the job; `by` is the connection's own name.
RECORD_EVENT = """
CREATE FUNCTION record_event() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO job_event (job_id, from_state, to_state, why, by)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.why,
            current_setting('application_name'));
    RETURN NULL;
END $$
"""

# A process of the first release calls itself `enrichd ROLE …`, a later one `enrichd:ROLE …`. It
# knows one endpoint: jobs of others it passes over, but for the hint of a webhook. It would merge
# their results as if they were companies, so that is an error, of the kind after which it waits.
# Where it begins an attempt it does not clear what a later release has noted of the last one.
HOLD_RELEASE = """
CREATE FUNCTION hold_release() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM lane WHERE id = NEW.lane_id AND endpoint <> 'company/enrich') THEN
        IF NEW.state = 'merged' THEN
            RAISE EXCEPTION 'job % is not for the first release', NEW.id
                USING ERRCODE = 'lock_not_available', CONSTRAINT = TG_NAME;
        END IF;
        RETURN CASE WHEN NEW.webhook_at IS DISTINCT FROM OLD.webhook_at THEN NEW END;
    END IF;
    IF NEW.state = 'submitting' AND OLD.state = 'packed' THEN
        NEW.waits_for := NULL;
        NEW.unresolved_at := NULL;
        NEW.unresolved_looks := 0;
        NEW.listed_by := NULL;
    END IF;
    RETURN NEW;
END $$
"""

# Callers of the first release write neither the account nor its key. One that repeats the key of a
# later release's caller finds that request by the name that it knows.
NAME_ACCOUNT = """
CREATE FUNCTION name_account() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.account_id := (SELECT account_id FROM lane WHERE id = NEW.lane_id);
    IF NEW.idempotency_key IS NOT NULL THEN
        UPDATE request SET idempotency_key = NEW.idempotency_key
        WHERE account_id = NEW.account_id AND account_key = NEW.idempotency_key;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        NEW.account_key := NEW.idempotency_key;
    END IF;
    RETURN NEW;
END $$
"""

# An operator of the first release does not clear what a later one has noted of the pause.
FORGET_PAUSE = """
CREATE FUNCTION forget_pause() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.paused_for := NULL;
    RETURN NEW;
END $$
"""

# Counters of an account's requests and of its jobs that have ended, so that nobody has to read its
# whole history. Once a statement, as the change that it has made. The functions run as the ledger's
# owner: a caller's role need not know of the counters.
COUNT_REQUESTS = """
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
END $$
"""
COUNT_JOBS = """
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
END $$
"""

# A daemon that does not know that lanes can be paused passes over their jobs as over those that
# another worker has taken; and so does one that has looked before the pause.
HOLD_PAUSED_LANE = """
CREATE FUNCTION hold_paused_lane() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM lane WHERE id = NEW.lane_id AND paused_at IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$
"""


def count_triggers(table: str) -> tuple[str, ...]:
    """DDL of those that count the table's rows: transition tables want one for each command."""
    seen = {"INSERT": "NEW TABLE AS new_rows", "DELETE": "OLD TABLE AS old_rows"}
    seen["UPDATE"] = f"{seen['DELETE']} {seen['INSERT']}"
    return tuple(
        f"CREATE TRIGGER {table}_counted_{command.lower()} AFTER {command} ON {table} "
        f"REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION count_{table}s()"
        for command, tables in seen.items()
    )


JOB_RELEASE = (
    "CREATE TRIGGER job_release BEFORE INSERT OR UPDATE ON job FOR EACH ROW "
    "WHEN (current_setting('application_name') LIKE 'enrichd %') EXECUTE FUNCTION hold_release()"
)
REQUEST_ACCOUNT = (
    "CREATE TRIGGER request_account BEFORE INSERT ON request FOR EACH ROW "
    "EXECUTE FUNCTION name_account()"
)
ACCOUNT_RESUMED = (
    "CREATE TRIGGER account_resumed BEFORE UPDATE OF paused_at ON account FOR EACH ROW "
    "WHEN (NEW.paused_at IS NULL) EXECUTE FUNCTION forget_pause()"
)
JOB_LANE_PAUSED = (
    "CREATE TRIGGER job_lane_paused BEFORE UPDATE OF state ON job FOR EACH ROW "
    "WHEN (OLD.state = 'packed' AND NEW.state = 'submitting') EXECUTE FUNCTION hold_paused_lane()"
)
JOB_CREATED = (
    "CREATE TRIGGER job_created AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION record_event()"
)
JOB_MOVED = (
    "CREATE TRIGGER job_moved AFTER UPDATE OF state, why ON job FOR EACH ROW "
    "WHEN (OLD.state <> NEW.state OR OLD.why <> NEW.why) EXECUTE FUNCTION record_event()"
)

CREATE = (
    REFUSE_MOVE,
    RECORD_EVENT,
    move_guard("enrichment", ENRICHMENT_MOVES),
    move_guard("job", JOB_MOVES),
    JOB_CREATED,
    JOB_MOVED,
    HOLD_RELEASE,
    NAME_ACCOUNT,
    FORGET_PAUSE,
    JOB_RELEASE,
    REQUEST_ACCOUNT,
    ACCOUNT_RESUMED,
    COUNT_REQUESTS,
    *count_triggers("request"),
    COUNT_JOBS,
    *count_triggers("job"),
    HOLD_PAUSED_LANE,
    JOB_LANE_PAUSED,
    *spend_triggers.CREATE,
    *notice_triggers.CREATE,
    *metric_triggers.CREATE,
)

for _statement in CREATE:
    _ddl = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
    event.listen(LedgerModel.metadata, "after_create", _ddl)
