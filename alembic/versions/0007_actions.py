"""What operators have done; lanes that are paused; what lists need to be quick on a long history.

The indexes are made within the migration, under its lock: those on request in about two seconds a
million, with metadata ten, that on enrichment in about half a second a million. Whoever has tens of
millions makes them before, beside the work, and the migration finds them there:

    CREATE INDEX CONCURRENTLY request_by_account ON request (account_id, id);
    CREATE INDEX CONCURRENTLY request_created ON request (created_at);
    CREATE INDEX CONCURRENTLY request_metadata ON request USING gin (metadata)
        WHERE metadata IS NOT NULL;
    CREATE INDEX CONCURRENTLY enrichment_failed ON enrichment (settled_at, id)
        WHERE state = 'failed';

Revision: 0007, after 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

UPGRADE = r"""
CREATE TABLE operator_action (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    who TEXT NOT NULL,
    via TEXT NOT NULL,
    why TEXT,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    filter TEXT NOT NULL,
    arguments JSONB NOT NULL,
    counts JSONB NOT NULL,
    enrichments INT8MULTIRANGE,
    PRIMARY KEY (id)
);
CREATE INDEX operator_action_enrichments ON operator_action USING gist (enrichments);

CREATE TABLE operator_action_object (
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    action_id BIGINT NOT NULL,
    PRIMARY KEY (kind, object, action_id)
);
CREATE INDEX operator_action_object_by_action ON operator_action_object (action_id);

ALTER TABLE lane
    ADD COLUMN paused_reason TEXT,
    ADD COLUMN paused_at TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT lane_paused CHECK ((paused_at IS NULL) = (paused_reason IS NULL));

CREATE INDEX job_created ON job (created_at);
CREATE INDEX job_ended_last ON job (coalesce(ended_at, 'infinity'), id);
CREATE INDEX job_in_vain ON job (id) WHERE state IN ('cancelled', 'expired', 'failed', 'rejected');
CREATE INDEX vendor_job_newest ON vendor_job (coalesce(created_at, first_seen_at), batch_id);
CREATE INDEX IF NOT EXISTS request_by_account ON request (account_id, id);
CREATE INDEX IF NOT EXISTS request_created ON request (created_at);
CREATE INDEX IF NOT EXISTS request_by_tag ON request (tag, id) WHERE tag IS NOT NULL;
CREATE INDEX IF NOT EXISTS request_metadata ON request USING gin (metadata)
    WHERE metadata IS NOT NULL;
CREATE INDEX IF NOT EXISTS enrichment_failed ON enrichment (settled_at, id)
    WHERE state = 'failed';

-- the release before, too, submits nothing of a lane that is paused
CREATE FUNCTION hold_paused_lane() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM lane WHERE id = NEW.lane_id AND paused_at IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER job_lane_paused BEFORE UPDATE OF state ON job FOR EACH ROW
    WHEN (OLD.state = 'packed' AND NEW.state = 'submitting') EXECUTE FUNCTION hold_paused_lane();
"""

DOWNGRADE = """
DROP TRIGGER job_lane_paused ON job;
DROP FUNCTION hold_paused_lane();
DROP INDEX job_created, job_ended_last, job_in_vain, vendor_job_newest, request_by_account,
    request_created, request_by_tag, request_metadata, enrichment_failed;
ALTER TABLE lane DROP COLUMN paused_reason, DROP COLUMN paused_at;
DROP TABLE operator_action, operator_action_object;
"""


def upgrade() -> None:
    """Add them."""
    op.get_bind().exec_driver_sql(UPGRADE.replace("%", "%%"))


def downgrade() -> None:
    """Take them back, and with them what operators have done."""
    op.get_bind().exec_driver_sql(DOWNGRADE.replace("%", "%%"))
