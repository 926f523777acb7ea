"""The ledger: every table, constraint, index and trigger.

Revision: 0001, the first
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

UPGRADE = r"""
CREATE TABLE account (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    paused_reason TEXT,
    paused_at TIMESTAMP WITH TIME ZONE,
    foreign_active SMALLINT DEFAULT 0 NOT NULL,
    swept_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT account_name_key UNIQUE (name),
    CONSTRAINT account_paused CHECK ((paused_at IS NULL) = (paused_reason IS NULL))
);

CREATE TABLE lane (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    account_id INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    identifier_type TEXT NOT NULL,
    fields TEXT[] NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT lane_key UNIQUE (account_id, endpoint, identifier_type, fields),
        CONSTRAINT lane_identifier_type CHECK (identifier_type IN ('crustdata_company_ids',
        'domains', 'names', 'professional_network_profile_urls')),
    CONSTRAINT lane_account FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE slot (
    account_id INTEGER NOT NULL,
    number SMALLINT NOT NULL,
    PRIMARY KEY (account_id, number),
    CONSTRAINT slot_number CHECK (number > 0),
    CONSTRAINT slot_account FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE job (
    id UUID NOT NULL,
    account_id INTEGER NOT NULL,
    lane_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    slot SMALLINT,
    batch_id TEXT,
    identifier_count INTEGER NOT NULL,
    attempts SMALLINT DEFAULT 0 NOT NULL,
    failures SMALLINT DEFAULT 0 NOT NULL,
    looks SMALLINT DEFAULT 0 NOT NULL,
    bad_files SMALLINT DEFAULT 0 NOT NULL,
    token_hash BYTEA,
    webhook_at TIMESTAMP WITH TIME ZONE,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    entities_requested INTEGER,
    entities_fulfilled INTEGER,
    result_count INTEGER,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    submitting_at TIMESTAMP WITH TIME ZONE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    processing_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    error TEXT,
    PRIMARY KEY (id),
    CONSTRAINT job_slot FOREIGN KEY(account_id, slot) REFERENCES slot (account_id, number),
    CONSTRAINT job_batch_id_key UNIQUE (batch_id),
        CONSTRAINT job_state CHECK (state IN ('cancelled', 'completed', 'expired', 'failed',
        'merged', 'packed', 'pending', 'processing', 'rejected', 'submitting')),
        CONSTRAINT job_active_has_slot CHECK ((state IN ('pending', 'processing',
        'submitting')) = (slot IS NOT NULL)),
        CONSTRAINT job_accepted_has_batch_id CHECK (CASE WHEN state IN ('packed',
        'submitting', 'rejected', 'cancelled') THEN batch_id IS NULL ELSE batch_id IS NOT NULL
        END),
    CONSTRAINT job_size CHECK (identifier_count BETWEEN 1 AND 10000),
        CONSTRAINT job_submitting_has_time CHECK (state <> 'submitting' OR submitting_at IS
        NOT NULL),
        CONSTRAINT job_ended CHECK ((ended_at IS NULL) = (state IN ('completed', 'packed',
        'pending', 'processing', 'submitting'))),
    CONSTRAINT job_account FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT job_lane FOREIGN KEY(lane_id) REFERENCES lane (id)
);

CREATE INDEX job_by_lane ON job (lane_id, completed_at);

CREATE INDEX job_due ON job (account_id, state, due_at) WHERE ended_at IS NULL;

CREATE UNIQUE INDEX job_one_per_slot ON job (account_id, slot) WHERE state IN ('pending',
    'processing', 'submitting');

CREATE UNIQUE INDEX job_one_submission_per_size ON job (account_id, identifier_count) WHERE
    state = 'submitting';

CREATE TABLE request (
    id UUID NOT NULL,
    lane_id INTEGER NOT NULL,
    priority SMALLINT DEFAULT 0 NOT NULL,
    idempotency_key TEXT,
    content_hash BYTEA NOT NULL,
    max_age INTERVAL NOT NULL,
    total INTEGER NOT NULL,
    fulfilled INTEGER DEFAULT 0 NOT NULL,
    not_found INTEGER DEFAULT 0 NOT NULL,
    failed INTEGER DEFAULT 0 NOT NULL,
    cancelled INTEGER DEFAULT 0 NOT NULL,
    metadata JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    CONSTRAINT request_idempotency_key UNIQUE (idempotency_key),
        CONSTRAINT request_counters CHECK (total >= 0 AND fulfilled >= 0 AND not_found >= 0
        AND failed >= 0 AND cancelled >= 0),
    CONSTRAINT request_total CHECK (fulfilled + not_found + failed + cancelled <= total),
        CONSTRAINT request_finished CHECK ((finished_at IS NOT NULL) = (fulfilled + not_found
        + failed + cancelled = total)),
    CONSTRAINT request_cancelled CHECK (cancelled_at IS NULL OR finished_at IS NOT NULL),
    CONSTRAINT request_lane FOREIGN KEY(lane_id) REFERENCES lane (id)
);

CREATE INDEX request_open ON request (id) WHERE finished_at IS NULL;

CREATE TABLE enrichment (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    lane_id INTEGER NOT NULL,
    job_id UUID,
    cycle INTEGER DEFAULT 1 NOT NULL,
    attempts SMALLINT DEFAULT 0 NOT NULL,
    priority SMALLINT DEFAULT 0 NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    rank TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    identifier TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (id),
    CONSTRAINT enrichment_key UNIQUE (lane_id, key),
        CONSTRAINT enrichment_state CHECK (state IN ('cancelled', 'failed', 'fulfilled',
        'not_found', 'packed', 'pending')),
    CONSTRAINT enrichment_packed_has_job CHECK ((state = 'packed') = (job_id IS NOT NULL)),
        CONSTRAINT enrichment_settled CHECK ((state IN ('pending', 'packed')) = (settled_at IS
        NULL)),
    CONSTRAINT enrichment_cycle CHECK (cycle > 0),
    CONSTRAINT enrichment_lane FOREIGN KEY(lane_id) REFERENCES lane (id),
    CONSTRAINT enrichment_job FOREIGN KEY(job_id) REFERENCES job (id)
) WITH (fillfactor = 80);

CREATE INDEX enrichment_by_job ON enrichment (job_id) WHERE job_id IS NOT NULL;

CREATE INDEX enrichment_pending ON enrichment (lane_id, rank) WHERE state = 'pending';

CREATE TABLE job_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    job_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    why TEXT NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT job_event_job FOREIGN KEY(job_id) REFERENCES job (id)
);

CREATE INDEX job_event_by_job ON job_event (job_id, id);

CREATE TABLE stray (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    job_id UUID NOT NULL,
    line INTEGER NOT NULL,
    reason TEXT NOT NULL,
    envelope BYTEA NOT NULL,
    kept_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT stray_job FOREIGN KEY(job_id) REFERENCES job (id)
);

CREATE INDEX stray_by_job ON stray (job_id);

CREATE TABLE request_item (
    request_id UUID NOT NULL,
    position INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    enrichment_id BIGINT NOT NULL,
    cancelled BOOLEAN DEFAULT false NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (request_id, position),
    CONSTRAINT request_item_request FOREIGN KEY(request_id) REFERENCES request (id),
    CONSTRAINT request_item_enrichment FOREIGN KEY(enrichment_id) REFERENCES enrichment (id)
);

CREATE INDEX request_item_by_enrichment ON request_item (enrichment_id, cycle);

CREATE TABLE result (
    enrichment_id BIGINT NOT NULL,
    cycle INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    internal_id BIGINT,
    record JSONB,
    reason TEXT,
    job_id UUID NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (enrichment_id, cycle),
    CONSTRAINT result_outcome CHECK (outcome IN ('failed', 'fulfilled', 'not_found')),
        CONSTRAINT result_fulfilled_has_record CHECK ((outcome = 'fulfilled') = (record IS NOT
        NULL)),
    CONSTRAINT result_failed_has_reason CHECK ((outcome = 'failed') = (reason IS NOT NULL)),
    CONSTRAINT result_enrichment FOREIGN KEY(enrichment_id) REFERENCES enrichment (id),
    CONSTRAINT result_job FOREIGN KEY(job_id) REFERENCES job (id)
);

CREATE INDEX result_by_job ON result (job_id);

CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % may not go from % to %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE FUNCTION record_event() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
    AS $$
BEGIN
    INSERT INTO job_event (job_id, from_state, to_state, why, by)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.why,
            current_setting('application_name'));
    RETURN NULL;
END $$;

CREATE TRIGGER enrichment_move BEFORE UPDATE OF state ON enrichment FOR EACH ROW WHEN
    (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (('cancelled', 'pending'),
    ('failed', 'pending'), ('fulfilled', 'pending'), ('not_found', 'pending'), ('packed',
    'failed'), ('packed', 'fulfilled'), ('packed', 'not_found'), ('packed', 'pending'),
    ('pending', 'cancelled'), ('pending', 'failed'), ('pending', 'packed'))) EXECUTE FUNCTION
    refuse_move();

CREATE TRIGGER job_move BEFORE UPDATE OF state ON job FOR EACH ROW WHEN (OLD.state <>
    NEW.state AND (OLD.state, NEW.state) NOT IN (('completed', 'expired'), ('completed',
    'failed'), ('completed', 'merged'), ('packed', 'cancelled'), ('packed', 'submitting'),
    ('pending', 'completed'), ('pending', 'failed'), ('pending', 'processing'), ('processing',
    'completed'), ('processing', 'failed'), ('submitting', 'packed'), ('submitting',
    'pending'), ('submitting', 'rejected'))) EXECUTE FUNCTION refuse_move();

CREATE TRIGGER job_created AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION record_event();

CREATE TRIGGER job_moved AFTER UPDATE OF state, why ON job FOR EACH ROW WHEN (OLD.state <>
    NEW.state OR OLD.why <> NEW.why) EXECUTE FUNCTION record_event();
"""

DOWNGRADE = """
DROP TABLE result, request_item, stray, job_event, enrichment, request,
           job, slot, lane, account;
DROP FUNCTION refuse_move();
DROP FUNCTION record_event();
"""


def upgrade() -> None:
    """Make the ledger."""
    op.get_bind().exec_driver_sql(UPGRADE.replace("%", "%%"))


def downgrade() -> None:
    """Drop the ledger with all that is in it."""
    op.get_bind().exec_driver_sql(DOWNGRADE)
