"""Take out: what is forgotten leaves a job that is not at the vendor, and is not bought."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.connect import limit_waiting
from manager.ledger.execute import execute, rows, transaction
from manager.settings import Settings
from manager.steps import settle
from manager.steps.forget import COMMIT, REASON, SQL, blank


def take_out(connection: Connection[Any], settings: Settings, job_id: UUID, ids: list[int]) -> int:
    """Take these enrichments out of the job, which is locked, if it is packed; how many were in it.

    Raises LockNotAvailable when a caller's transaction holds them.
    """
    parameters: dict[str, Any] = {"ids": ids, "job_id": job_id}
    with transaction(connection, COMMIT):
        limit_waiting(connection, settings.merge_lock_timeout)
        execute(connection, SQL.lock, parameters)
        if count := execute(connection, SQL.take_out, parameters):
            execute(connection, SQL.shrink, parameters | {"count": count})
            cancel(connection, ids)
    return count


def take_out_marked(connection: Connection[Any], settings: Settings, job_id: UUID) -> int:
    """The same of those that were to be forgotten at the job's end, which the vendor does not have;
    they are forgotten now.
    """
    ids = rows(connection, SQL.marked_in, int, {"job_id": job_id})
    if not ids:
        return 0
    with transaction(connection, COMMIT):
        count = take_out(connection, settings, job_id, ids)
        blank(connection, ids)
    return count


def cancel(connection: Connection[Any], ids: list[int]) -> None:
    """What has no outcome yet is cancelled for whoever asked, and what waits is not bought."""
    parameters = {"ids": ids, "reason": REASON}
    settle.tell(connection, rows(connection, SQL.cancel_items, settle.Tallied, parameters))
    execute(connection, SQL.cancel, parameters)
