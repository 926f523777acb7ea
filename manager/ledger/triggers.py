"""The schema's triggers: no move outside the state machines, no job move without its event."""

from __future__ import annotations

from sqlalchemy import DDL, event

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
)

for _statement in CREATE:
    _ddl = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
    event.listen(LedgerModel.metadata, "after_create", _ddl)
