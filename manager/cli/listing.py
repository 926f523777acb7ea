"""What the commands list of requests and jobs, read by the models.

Imported when it is called: only those commands should wait for SQLModel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Error
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from manager.cli.requests import COUNTERS
from manager.endpoints import endpoint as known_endpoint
from manager.ledger import migrate
from manager.ledger.models import Account, Job, Lane, Request
from manager.settings import Settings

_OF_A_JOB = (
    "state", "slot", "batch_id", "identifier_count", "result_count", "attempts", "created_at",
    "ended_at", "why", "waits_for", "error",
)  # fmt: skip
_HIDDEN = {"id", "token_hash", "lane_id", "account_id"}


def requests(
    settings: Settings, account: str | None, endpoint: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest requests, of an account or an endpoint alone."""
    query = (
        select(Request, Lane, Account.name)
        .join(Lane, Lane.id == Request.lane_id)  # type: ignore[arg-type]
        .join(Account, Account.id == Lane.account_id)  # type: ignore[arg-type]
        .order_by(Request.id.desc())  # type: ignore[attr-defined]
        .limit(limit)
    )
    with _reading(settings) as session:
        return [_request(*row) for row in session.exec(_only(query, account, endpoint))]


def jobs(
    settings: Settings, state: str | None, account: str | None, endpoint: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest jobs, in a state, of an account or an endpoint alone."""
    query = _jobs().order_by(Job.id.desc()).limit(limit)  # type: ignore[attr-defined]
    if state is not None:
        query = query.where(Job.state == state)
    with _reading(settings) as session:
        return [_job(*row) for row in session.exec(_only(query, account, endpoint))]


def job(settings: Settings, job_id: UUID) -> dict[str, Any] | None:
    """All that is known of a job, but for secrets; None when there is none."""
    with _reading(settings) as session:
        found = session.exec(_jobs().where(Job.id == job_id)).first()
        if found is None:
            return None
        row, lane, account = found
        values = row.model_dump().items()
        return _lane(row.id, lane, account) | {it: that for it, that in values if it not in _HIDDEN}


@contextmanager
def _reading(settings: Settings) -> Iterator[Session]:
    """A session that reads the ledger. Raises psycopg's errors, not SQLAlchemy's."""
    try:
        with Session(migrate.engine(settings, "cli")) as session:
            yield session
    except DBAPIError as error:
        if isinstance(error.orig, Error):
            raise error.orig from None
        raise


def _jobs() -> Any:
    return (
        select(Job, Lane, Account.name)
        .join(Lane, Lane.id == Job.lane_id)  # type: ignore[arg-type]
        .join(Account, Account.id == Job.account_id)  # type: ignore[arg-type]
    )


def _only(query: Any, account: str | None, endpoint: str | None) -> Any:
    if account is not None:
        query = query.where(Account.name == account)
    if endpoint is not None:
        query = query.where(Lane.endpoint == known_endpoint(endpoint).name)
    return query


def _request(request: Request, lane: Lane, account: str) -> dict[str, Any]:
    return {
        "request_id": request.id,
        "account": account,
        "endpoint": lane.endpoint,
        "type": lane.identifier_type,
        "fields": lane.fields,
        "priority": request.priority,
        **{name: getattr(request, name) for name in COUNTERS},
        "created_at": request.created_at,
        "finished_at": request.finished_at,
    }


def _lane(job_id: UUID, lane: Lane, account: str) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "account": account,
        "endpoint": lane.endpoint,
        "type": lane.identifier_type,
        "fields": lane.fields,
    }


def _job(row: Job, lane: Lane, account: str) -> dict[str, Any]:
    return _lane(row.id, lane, account) | {name: getattr(row, name) for name in _OF_A_JOB}
