"""The triggers that write notices, in the transaction of whatever makes them true.

Whoever finishes a request, or pauses an account, need not know that somebody is told of it: not the
merge, nor a caller who cancels, nor a daemon of the release before. Where nobody is to be told they
cost a look at a column. The functions run as the ledger's owner: a caller's role need not know of
notices.
"""

from __future__ import annotations

# A row for each target that is to be told: those of the account, and of the request. What a later
# notice of the same request makes old is not told any more, but for what is being told just now:
# that row is leased, or locked for a moment, and nobody here waits for it.
NOTE = """
CREATE FUNCTION note(happened jsonb) RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH event AS (
        SELECT * FROM jsonb_to_recordset(happened) AS event
            (name text, account_id integer, request_id uuid, once text, payload jsonb)
    ), told AS (
        SELECT e.*, t.id AS target_id
        FROM event e JOIN account a ON a.id = e.account_id
        LEFT JOIN request r ON r.id = e.request_id
        JOIN target t ON t.id = ANY (coalesce(a.targets, '{}') || coalesce(r.targets, '{}'))
        WHERE t.gone_at IS NULL AND (t.events = '{}' OR e.name = ANY (t.events))
    ), old AS (
        SELECT n.id FROM told e
        JOIN notice n ON n.request_id = e.request_id AND n.target_id = e.target_id
        WHERE n.state = 'waiting' AND n.event = 'request.progress'
          AND (n.leased_until IS NULL OR n.leased_until < clock_timestamp())
        FOR UPDATE OF n SKIP LOCKED
    ), superseded AS (
        UPDATE notice n SET state = 'superseded', ended_at = clock_timestamp(), leased_until = NULL
        FROM old WHERE n.id = old.id
    ), noted AS (
        INSERT INTO notice (account_id, target_id, event, request_id, once, payload)
        SELECT account_id, target_id, name, request_id, once, payload FROM told
        ON CONFLICT (target_id, once) WHERE once IS NOT NULL DO NOTHING
        RETURNING account_id
    ), woken AS (
        SELECT pg_notify('enrichd_wake', current_schema() || ' tell ' || a.name)
        FROM account a WHERE a.id IN (SELECT account_id FROM noted)
    )
    SELECT (SELECT count(*) FROM noted) + 0 * (SELECT count(woken) FROM woken)
$$
"""

# Once a statement, whatever has settled how many requests. Counters, names and times, nothing else.
# A request is finished again when what had failed was retried, or was merged after all.
NOTE_REQUESTS = """
CREATE FUNCTION note_requests() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    ids uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM new_rows WHERE targets IS NOT NULL)
       AND NOT EXISTS (SELECT FROM account WHERE targets IS NOT NULL) THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        ids := ARRAY(SELECT id FROM new_rows WHERE finished_at IS NOT NULL);
    ELSE
        ids := ARRAY(
            SELECT id FROM new_rows n JOIN old_rows o USING (id)
            WHERE o.finished_at IS NULL AND (n.finished_at IS NOT NULL
                OR 10 * (n.fulfilled + n.not_found + n.failed + n.cancelled)::bigint / n.total
                 > 10 * (o.fulfilled + o.not_found + o.failed + o.cancelled)::bigint / o.total)
               OR o.finished_at IS NOT NULL AND n.finished_at IS NOT NULL AND n.total = o.total
              AND (n.fulfilled, n.not_found, n.failed) <> (o.fulfilled, o.not_found, o.failed));
    END IF;
    IF ids <> '{}' THEN
        PERFORM note(jsonb_agg(jsonb_build_object(
            'name', CASE WHEN r.finished_at IS NULL THEN 'request.progress'
                    ELSE 'request.finished' END,
            'account_id', r.account_id, 'request_id', r.id,
            'payload', jsonb_build_object(
                'request_id', r.id, 'account', a.name, 'endpoint', l.endpoint,
                'identifier_type', l.identifier_type, 'idempotency_key', r.account_key,
                'total', r.total, 'fulfilled', r.fulfilled, 'not_found', r.not_found,
                'failed', r.failed, 'cancelled', r.cancelled,
                'settled', r.fulfilled + r.not_found + r.failed + r.cancelled,
                'created_at', r.created_at, 'finished_at', r.finished_at,
                'cancelled_at', r.cancelled_at)) ORDER BY r.id))
        FROM request r JOIN lane l ON l.id = r.lane_id JOIN account a ON a.id = r.account_id
        WHERE r.id = ANY (ids) AND coalesce(r.targets, a.targets) IS NOT NULL
        HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$
"""

NOTE_PAUSE = """
CREATE FUNCTION note_pause() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_TABLE_NAME = 'account' THEN
        PERFORM note(jsonb_build_array(jsonb_build_object(
            'name', 'account.paused', 'account_id', NEW.id, 'payload', jsonb_build_object(
                'account', NEW.name, 'endpoint', NULL, 'paused_for', NEW.paused_for,
                'reason', left(NEW.paused_reason, 1000), 'paused_at', NEW.paused_at))));
    ELSE
        PERFORM note(jsonb_build_array(jsonb_build_object(
            'name', 'account.paused', 'account_id', NEW.account_id, 'payload', jsonb_build_object(
                'account', (SELECT name FROM account WHERE id = NEW.account_id),
                'endpoint', NEW.endpoint, 'paused_for', 'refused',
                'reason', left(NEW.reason, 1000), 'paused_at', NEW.paused_at))));
    END IF;
    RETURN NULL;
END $$
"""

CREATE = (
    NOTE,
    NOTE_REQUESTS,
    NOTE_PAUSE,
    "CREATE TRIGGER request_noted_insert AFTER INSERT ON request REFERENCING NEW TABLE AS new_rows "
    "FOR EACH STATEMENT EXECUTE FUNCTION note_requests()",
    "CREATE TRIGGER request_noted_update AFTER UPDATE ON request REFERENCING "
    "OLD TABLE AS old_rows NEW TABLE AS new_rows "
    "FOR EACH STATEMENT EXECUTE FUNCTION note_requests()",
    "CREATE TRIGGER account_noted AFTER UPDATE OF paused_at ON account FOR EACH ROW "
    "WHEN (OLD.paused_at IS NULL AND NEW.paused_at IS NOT NULL AND NEW.targets IS NOT NULL) "
    "EXECUTE FUNCTION note_pause()",
    "CREATE TRIGGER endpoint_noted AFTER INSERT ON endpoint_pause FOR EACH ROW "
    "EXECUTE FUNCTION note_pause()",
)
