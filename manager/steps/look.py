"""Look: ask the vendor for the account's list of jobs and write down what it shows.

Everything else is derived from there: our jobs move, slots are freed, candidates of unresolved
submissions appear, and how many jobs are others' is known. The vendor is asked about a single job
only for what the list does not tell: one that it does not show, or all while it cannot be had.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Json

from manager import faultpoint
from manager.endpoints import ENDPOINTS
from manager.ledger.connect import unlock
from manager.ledger.execute import execute, first, one, rows, transaction
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.settings import Settings
from manager.steps.account import Account, Standing
from manager.steps.backoff import backoff
from manager.steps.context import Context, Wake
from manager.steps.pause import heed, pause
from manager.steps.schedule import after_look, likeliest
from manager.steps.settle import give_up
from manager.steps.slots import mend_if_possible
from manager.steps.sweep import due
from manager.vendor import errors
from manager.vendor.calls import Worth
from manager.vendor.types import JobPage, VendorJob

log = get_logger(__name__)

SQL = Statements("look")
COMMIT = faultpoint.point("look.commit")
MAX_PAGES = 3
MAX_SAID = 300
# The vendor's clock may differ from ours by more than is known.
CLOCK_MARGIN = timedelta(minutes=10)
# A job that was created so long before a submission is not its, if our own jobs tell how the
# vendor's clock goes, even if that has jumped.
STALE = timedelta(hours=1)
# It differs by less than that where it is known.
NEAR = timedelta(minutes=1)
# Jobs asked about one by one in a look, and how long the list may take to show one.
MAX_ASKED = 3
LIST_LAG = timedelta(seconds=10)
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
# Answers "unknown job" in a row, and seconds without a sign of the job, before that is believed: a
# gateway in trouble says so, too.
UNKNOWN_LIMIT, UNKNOWN_PATIENCE = 5, 600.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A look that is due, how many in a row have failed before it, when the last one did not."""

    look_at: datetime
    look_failures: int
    looked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Horizon:
    """A job whose end is not known, and since when it may be on the list."""

    batch_id: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class VendorClock:
    """How many seconds the vendor's clock is ahead, and whether our own jobs tell so; how many
    its list lags.
    """

    clock_ahead: float
    sure: bool
    list_lag: float | None


@dataclass(frozen=True, slots=True)
class Unseen:
    """A job of ours that the list has not shown. silent: seconds since there was any sign of it."""

    id: UUID
    batch_id: str
    failures: int
    looks: int
    silent: float


@dataclass(frozen=True, slots=True)
class Moved:
    """A job of ours as the vendor's list has it now, and the state that it was in."""

    id: UUID
    batch_id: str
    before: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the list has shown. read_to: the oldest time of creation that it went back to, or the
    beginning of time when it was read to its end.
    """

    jobs: dict[str, VendorJob]
    read_to: datetime
    date: datetime | None


def look(context: Context, account: Account) -> list[Wake]:
    """Look if it is time to; the wake-ups of what follows from it, and of the next look."""
    with context.ledger.connect() as connection:
        standing = account.standing(connection)
        parameters = {"account_id": standing.id}
        if not one(connection, SQL.lock, bool, parameters):
            return []
        try:
            planned = first(connection, SQL.due, Planned, parameters)
            if planned is None:
                return []
            return _look(context.settings, connection, account, standing, planned)
        finally:
            unlock(connection)


def _look(
    settings: Settings,
    connection: Connection[Any],
    account: Account,
    standing: Standing,
    planned: Planned,
) -> list[Wake]:
    began = one(connection, SQL.now, datetime, {})
    waits_for = error = None
    wait = 0.0
    try:
        seen = None if _sample(settings, connection, account) else _list(connection, account)
    except (errors.NotYourTurn, errors.RateLimited) as turn:
        waits_for, wait = str(turn), turn.wait
    except errors.VendorError as failure:
        error = str(failure)
        wait = backoff(settings, planned.look_failures).total_seconds()
        heed(connection, standing.id, failure)
        if isinstance(failure, errors.Forbidden):  # without its list it cannot be worked on
            pause(connection, standing.id, failure)
        _ask_one_by_one(settings, connection, account, began)
    else:
        if seen is not None:
            write_down(settings, connection, account, seen, began)
            _ask_one_by_one(settings, connection, account, began)
    mend_if_possible(connection, account, standing)
    wakes = due(connection, account, account.standing(connection))
    if error is None and waits_for is None:
        wait = after_look(connection, settings, account)
    schedule = {
        "account_id": standing.id,
        "planned": planned.look_at,
        "wait": wait,
        "waits_for": waits_for,
        "error": error,
        "failed": error is not None,
    }
    wait = one(connection, SQL.schedule, float, schedule)
    if error is not None:
        _say_nothing_is_heard(connection, standing.id, planned, error, wait)
    return [*wakes, Wake("pack", account.name), Wake("look", account.name, delay=wait)]


def _say_nothing_is_heard(
    connection: Connection[Any], account_id: int, planned: Planned, error: str, wait: float
) -> None:
    """Let our jobs at the vendor say why nobody knows how they are, since when, and until when."""
    heard = planned.looked_at
    since = "ever" if heard is None else f"since {heard.astimezone(UTC):%H:%M:%S} UTC"
    again = datetime.now(UTC) + timedelta(seconds=wait)
    waits_for = (
        f"the vendor's list of jobs (nothing was heard {since}, next try at {again:%H:%M:%S} UTC): "
        f"{error[:MAX_SAID]}"
    )
    parameters = {"account_id": account_id, "waits_for": waits_for}
    execute(connection, SQL.say_nothing_is_heard, parameters)


def look_now(context: Context, account: Account, connection: Connection[Any]) -> None:
    """Look once, for an operator who waits for it. Raises VendorError."""
    began = one(connection, SQL.now, datetime, {})
    seen = _list(connection, account)
    write_down(context.settings, connection, account, seen, began)


def _list(connection: Connection[Any], account: Account) -> Seen:
    """Read the list as far back as our jobs go. Raises VendorError."""
    parameters = {"account_id": account.id, "margin": CLOCK_MARGIN, "near": NEAR}
    horizon = rows(connection, SQL.horizon, Horizon, parameters)
    waiting = one(connection, SQL.waiting, bool, parameters)
    worth = Worth.LOOK if waiting or any(it.batch_id is None for it in horizon) else Worth.IDLE_LOOK
    wanted = {it.batch_id for it in horizon}
    since = min((it.since for it in horizon), default=datetime.now(UTC))
    found: dict[str, VendorJob] = {}
    page: JobPage | None = None
    whole = False
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        try:
            page = account.vendor.list_jobs(cursor=cursor, worth=worth)
        except errors.VendorError as error:
            if page is None:
                raise
            log.warning("list.cut_short", error=error)
            break
        found |= {job.batch_id: job for job in page.jobs if job.batch_id not in found}
        created = [job.created_at for job in page.jobs if job.created_at]
        done = wanted <= found.keys()
        reached = bool(created) and min(created) < since
        cursor = page.next_cursor
        whole = not page.has_more or cursor is None
        if done or reached or whole:
            break
    oldest = [job.created_at for job in found.values() if job.created_at]
    # a vendor that says no times is believed to show the newest first
    read_to = _BEGINNING if whole else min(oldest, default=_BEGINNING)
    return Seen(found, read_to, page.date if page else None)


def write_down(
    settings: Settings,
    connection: Connection[Any],
    account: Account,
    seen: Seen,
    began: datetime,
) -> list[UUID]:
    """Write down what the list has shown, and what follows from it; which of our jobs ended."""
    now = datetime.now(UTC)
    parameters: dict[str, Any] = {
        "account_id": account.id,
        "began": began,
        "read_to": seen.read_to,
        "seen": Json([_shown(job) for job in seen.jobs.values()]),
        "stale": STALE,
        "near": NEAR,
        # the list may lag behind
        "late": timedelta(seconds=max(settings.resolve_margin, settings.resolve_window)),
        # a date has whole seconds
        "date_ahead": (seen.date - now).total_seconds() + 0.5 if seen.date else None,
    }
    with transaction(connection, COMMIT):
        execute(connection, SQL.see, parameters)
        execute(connection, SQL.own, parameters)
        parameters |= asdict(one(connection, SQL.clock, VendorClock, parameters))
        execute(connection, SQL.own_of_another, parameters)
        execute(connection, SQL.exclude, parameters)
        ended = derive(connection, account)
        execute(connection, SQL.count_look, parameters)
        execute(connection, SQL.count_foreign, parameters)
        execute(connection, SQL.looked, parameters)
    return ended


def derive(connection: Connection[Any], account: Account) -> list[UUID]:
    """Let our jobs be what the vendor was last seen to say; those that have ended."""
    parameters = {"account_id": account.id}
    for job in rows(connection, SQL.working, Moved, parameters):
        if job.state != job.before:
            log.once_committed(f"job.{job.state}", job=job.id, batch=job.batch_id)
    ended = rows(connection, SQL.ended, Moved, parameters)
    for job in ended:
        log.once_committed(f"job.{job.state}", job=job.id, batch=job.batch_id, why=job.why)
    return [job.id for job in ended]


def see(connection: Connection[Any], account: Account, job: VendorJob) -> None:
    """Write down what the vendor says of a single job."""
    parameters = {"account_id": account.id, "seen": Json([_shown(job)])}
    execute(connection, SQL.see, parameters)
    execute(connection, SQL.own, parameters)


def _sample(settings: Settings, connection: Connection[Any], account: Account) -> bool:
    """Ask about the one job that has probably ended, where a call is left over for it, so that the
    calls to the list last longer.
    """
    batch_id = likeliest(connection, settings, account)
    if batch_id is None:
        return False
    try:
        answer = account.vendor.status(batch_id, worth=Worth.SAMPLE)
    except errors.VendorError:  # the list may tell
        return False
    see(connection, account, answer)
    derive(connection, account)
    return True


def _ask_one_by_one(
    settings: Settings, connection: Connection[Any], account: Account, began: datetime
) -> None:
    """Ask about those of our jobs that the list has not shown."""
    parameters = {
        "account_id": account.id,
        "began": began,
        "lag": LIST_LAG,
        "limit": MAX_ASKED,
    }
    for job in rows(connection, SQL.unseen, Unseen, parameters):
        try:
            answer = account.vendor.status(job.batch_id, worth=Worth.LINKS)
        except errors.NotYourTurn:
            return
        except errors.VendorError as error:
            _unanswered(settings, connection, account, job, error)
            if error.status is None:  # it does not answer: the others need not try, too
                return
        else:
            see(connection, account, answer)
            derive(connection, account)


def _unanswered(
    settings: Settings,
    connection: Connection[Any],
    account: Account,
    job: Unseen,
    error: errors.VendorError,
) -> None:
    """The job may well go on; it is asked about again later."""
    unknown = isinstance(error, errors.UnknownJob)
    if unknown and job.looks + 1 >= UNKNOWN_LIMIT and job.silent >= UNKNOWN_PATIENCE:
        why = f"the vendor does not know the job {job.batch_id} any more"
        give_up(connection, settings, account.id, job.id, why)
        return
    heed(connection, account.id, error)
    limited = isinstance(error, errors.RateLimited)
    wait = timedelta(seconds=error.wait) if isinstance(error, errors.RateLimited) else None
    parameters = {
        "job_id": job.id,
        "account_id": account.id,
        "error": str(error),
        "wait": wait or backoff(settings, job.failures),
        "failed": not limited,
        "unknown": unknown,
    }
    execute(connection, SQL.unanswered, parameters)


def _shown(job: VendorJob) -> dict[str, Any]:
    """What the ledger keeps of it; never its links, which are secrets."""
    return {
        "batch_id": job.batch_id,
        "entity": job.entity,
        "action": job.action,
        "endpoints": [it.name for it in ENDPOINTS.values() if it.may_be(job.entity, job.action)],
        "identifier_count": job.identifier_count,
        "status": job.status,
        "stage": job.stage,
        "result_count": job.result_count,
        "entities_fulfilled": job.entities_fulfilled,
        "created_at": job.created_at and job.created_at.isoformat(),
        "completed_at": job.completed_at and job.completed_at.isoformat(),
    }
