"""Accounts and endpoints as values, and what was seen on the vendor's list.

Revision: 0002, after 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

UPGRADE = r"""
CREATE TABLE ledger (
    single BOOLEAN DEFAULT true NOT NULL,
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (single),
    CONSTRAINT ledger_single CHECK (single)
);
INSERT INTO ledger DEFAULT VALUES;

ALTER TABLE account
    ADD COLUMN paused_for TEXT,
    ADD COLUMN look_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ADD COLUMN looked_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN look_failures SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN look_error TEXT,
    ADD COLUMN look_waits_for TEXT,
    ADD COLUMN clock_ahead DOUBLE PRECISION,
    ADD COLUMN list_lag DOUBLE PRECISION,
    ADD COLUMN removed_at TIMESTAMP WITH TIME ZONE;

CREATE TABLE endpoint_pause (
    account_id INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    reason TEXT NOT NULL,
    paused_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (account_id, endpoint),
    CONSTRAINT endpoint_pause_account FOREIGN KEY(account_id) REFERENCES account (id)
);

-- loosened: which identifier types there are is the endpoints' business
ALTER TABLE lane DROP CONSTRAINT lane_identifier_type;

-- loosened: an idempotency key is its account's own
ALTER TABLE request
    ADD COLUMN account_id INTEGER,
    ADD COLUMN account_key TEXT;
UPDATE request SET account_id = lane.account_id, account_key = request.idempotency_key
FROM lane WHERE lane.id = request.lane_id;
ALTER TABLE request
    ADD CONSTRAINT request_account FOREIGN KEY(account_id) REFERENCES account (id),
    ADD CONSTRAINT request_account_key UNIQUE (account_id, account_key);

-- loosened: another state, more moves, and a batch_id is its account's own
ALTER TABLE job
    ADD COLUMN waits_for TEXT,
    ADD COLUMN vendor_status TEXT,
    ADD COLUMN unresolved_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN unresolved_looks SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN listed_by TIMESTAMP WITH TIME ZONE,
    ADD COLUMN given_up_at TIMESTAMP WITH TIME ZONE,
    DROP CONSTRAINT job_batch_id_key,
    ADD CONSTRAINT job_batch_id_key UNIQUE (account_id, batch_id),
    DROP CONSTRAINT job_state,
        ADD CONSTRAINT job_state CHECK (state IN ('cancelled', 'completed', 'expired', 'failed',
        'merged', 'packed', 'pending', 'processing', 'rejected', 'stopped', 'submitting')),
    DROP CONSTRAINT job_ended,
        ADD CONSTRAINT job_ended CHECK ((ended_at IS NULL) = (state IN ('completed', 'packed',
        'pending', 'processing', 'stopped', 'submitting')));

DROP TRIGGER job_move ON job;
CREATE TRIGGER job_move BEFORE UPDATE OF state ON job FOR EACH ROW WHEN (OLD.state <>
    NEW.state AND (OLD.state, NEW.state) NOT IN (('completed', 'expired'), ('completed',
    'failed'), ('completed', 'merged'), ('expired', 'merged'), ('failed', 'merged'), ('packed',
    'cancelled'), ('packed', 'submitting'), ('pending', 'completed'), ('pending', 'failed'),
    ('pending', 'processing'), ('pending', 'stopped'), ('processing', 'completed'),
    ('processing', 'failed'), ('processing', 'stopped'), ('stopped', 'expired'), ('stopped',
    'failed'), ('stopped', 'merged'), ('submitting', 'packed'), ('submitting', 'pending'),
    ('submitting', 'rejected'))) EXECUTE FUNCTION refuse_move();

DROP TRIGGER enrichment_move ON enrichment;
CREATE TRIGGER enrichment_move BEFORE UPDATE OF state ON enrichment FOR EACH ROW WHEN
    (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (('cancelled', 'pending'),
    ('failed', 'fulfilled'), ('failed', 'not_found'), ('failed', 'pending'), ('fulfilled',
    'pending'), ('not_found', 'pending'), ('packed', 'failed'), ('packed', 'fulfilled'),
    ('packed', 'not_found'), ('packed', 'pending'), ('pending', 'cancelled'), ('pending',
    'failed'), ('pending', 'packed'))) EXECUTE FUNCTION refuse_move();

CREATE TABLE vendor_job (
    account_id INTEGER NOT NULL,
    batch_id TEXT NOT NULL,
    entity TEXT NOT NULL,
    action TEXT NOT NULL,
    endpoints TEXT[] NOT NULL,
    identifier_count INTEGER,
    status TEXT NOT NULL,
    stage TEXT NOT NULL,
    result_count INTEGER,
    entities_fulfilled INTEGER,
    created_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    first_seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    whose TEXT DEFAULT 'open' NOT NULL,
    job_id UUID,
    judged_at TIMESTAMP WITH TIME ZONE,
    judged_why TEXT,
    judge_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    judge_failures SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (account_id, batch_id),
    CONSTRAINT vendor_job_whose CHECK (whose IN ('empty', 'foreign', 'open', 'ours')),
    CONSTRAINT vendor_job_ours_has_job CHECK ((whose = 'ours') = (job_id IS NOT NULL)),
        CONSTRAINT vendor_job_stage CHECK (stage IN ('completed', 'failed', 'pending',
        'processing', 'stopped')),
    CONSTRAINT vendor_job_job_key UNIQUE (job_id),
    CONSTRAINT vendor_job_account FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT vendor_job_job FOREIGN KEY(job_id) REFERENCES job (id)
);

CREATE INDEX vendor_job_seen ON vendor_job (account_id, last_seen_at);

CREATE INDEX vendor_job_open ON vendor_job (account_id, first_seen_at) WHERE whose = 'open';

-- what the first release, which may be at work still, must not do, does not write or does not clear
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
END $$;

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
END $$;

CREATE FUNCTION forget_pause() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.paused_for := NULL;
    RETURN NEW;
END $$;

CREATE TRIGGER job_release BEFORE INSERT OR UPDATE ON job FOR EACH ROW WHEN
    (current_setting('application_name') LIKE 'enrichd %') EXECUTE FUNCTION hold_release();

CREATE TRIGGER request_account BEFORE INSERT ON request FOR EACH ROW EXECUTE FUNCTION
    name_account();

CREATE TRIGGER account_resumed BEFORE UPDATE OF paused_at ON account FOR EACH ROW WHEN
    (NEW.paused_at IS NULL) EXECUTE FUNCTION forget_pause();
"""

DOWNGRADE = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM job WHERE state = 'stopped')
       OR EXISTS (SELECT FROM lane WHERE endpoint <> 'company/enrich') THEN
        RAISE EXCEPTION 'the ledger holds what the first release does not know: jobs in state '
            'stopped, or lanes of other endpoints than company/enrich';
    END IF;
END $$;
DROP TRIGGER account_resumed ON account;
DROP TRIGGER request_account ON request;
DROP TRIGGER job_release ON job;
DROP FUNCTION forget_pause();
DROP FUNCTION name_account();
DROP FUNCTION hold_release();
UPDATE request SET idempotency_key = account_key
WHERE idempotency_key IS NULL AND account_key IS NOT NULL AND NOT EXISTS (
    SELECT FROM request other WHERE other.id <> request.id
    AND request.account_key IN (other.account_key, other.idempotency_key)
);
DROP TABLE vendor_job, endpoint_pause, ledger;
DROP TRIGGER enrichment_move ON enrichment;
CREATE TRIGGER enrichment_move BEFORE UPDATE OF state ON enrichment FOR EACH ROW WHEN
    (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (('cancelled', 'pending'),
    ('failed', 'pending'), ('fulfilled', 'pending'), ('not_found', 'pending'), ('packed',
    'failed'), ('packed', 'fulfilled'), ('packed', 'not_found'), ('packed', 'pending'),
    ('pending', 'cancelled'), ('pending', 'failed'), ('pending', 'packed'))) EXECUTE FUNCTION
    refuse_move();
DROP TRIGGER job_move ON job;
CREATE TRIGGER job_move BEFORE UPDATE OF state ON job FOR EACH ROW WHEN (OLD.state <>
    NEW.state AND (OLD.state, NEW.state) NOT IN (('completed', 'expired'), ('completed',
    'failed'), ('completed', 'merged'), ('packed', 'cancelled'), ('packed', 'submitting'),
    ('pending', 'completed'), ('pending', 'failed'), ('pending', 'processing'), ('processing',
    'completed'), ('processing', 'failed'), ('submitting', 'packed'), ('submitting',
    'pending'), ('submitting', 'rejected'))) EXECUTE FUNCTION refuse_move();
ALTER TABLE job
    DROP COLUMN waits_for,
    DROP COLUMN vendor_status,
    DROP COLUMN unresolved_at,
    DROP COLUMN unresolved_looks,
    DROP COLUMN listed_by,
    DROP COLUMN given_up_at,
    DROP CONSTRAINT job_batch_id_key,
    ADD CONSTRAINT job_batch_id_key UNIQUE (batch_id),
    DROP CONSTRAINT job_state,
    ADD CONSTRAINT job_state CHECK (state IN ('cancelled', 'completed', 'expired', 'failed',
        'merged', 'packed', 'pending', 'processing', 'rejected', 'submitting')),
    DROP CONSTRAINT job_ended,
    ADD CONSTRAINT job_ended CHECK ((ended_at IS NULL) = (state IN ('completed', 'packed',
        'pending', 'processing', 'submitting')));
ALTER TABLE request DROP COLUMN account_id, DROP COLUMN account_key;
ALTER TABLE lane ADD CONSTRAINT lane_identifier_type CHECK (identifier_type IN
    ('crustdata_company_ids', 'domains', 'names', 'professional_network_profile_urls'));
ALTER TABLE account
    DROP COLUMN paused_for,
    DROP COLUMN look_at,
    DROP COLUMN looked_at,
    DROP COLUMN look_failures,
    DROP COLUMN look_error,
    DROP COLUMN look_waits_for,
    DROP COLUMN clock_ahead,
    DROP COLUMN list_lag,
    DROP COLUMN removed_at;
"""


def upgrade() -> None:
    """Add what is new, and loosen what would refuse it."""
    op.get_bind().exec_driver_sql(UPGRADE.replace("%", "%%"))


def downgrade() -> None:
    """Take it back, if the first release could work with what is there."""
    op.get_bind().exec_driver_sql(DOWNGRADE.replace("%", "%%"))
