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
)

for _statement in CREATE:
    _ddl = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
    event.listen(LedgerModel.metadata, "after_create", _ddl)
