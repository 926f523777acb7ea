"""Resolve: find out whether the vendor has a job whose answer was lost.

`look` has written down which jobs at the vendor may be it. Content decides: the results file says
whose a job is, so nothing is adopted unproven; until the likely ones have ended the job keeps its
slot, which is right, since one of them is probably ours. When none is left after enough looks over
enough time (the list may lag), the vendor does not have the job, and it may be sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager import faultpoint
from manager.ledger.execute import execute, first, rows, transaction
from manager.ledger.sql import Statements
from manager.ledger.states import Whose
from manager.logs import get_logger
from manager.settings import Settings
from manager.steps.account import Account
from manager.steps.attempt import Attempt
from manager.steps.backoff import backoff
from manager.steps.context import Context, Wake
from manager.steps.judge import Candidate, Verdict, judge
from manager.steps.look import STALE, derive
from manager.steps.pause import heed
from manager.steps.schedule import hint, plan
from manager.steps.slots import mend_if_possible
from manager.vendor import errors
from manager.vendor.calls import Worth

log = get_logger(__name__)

SQL = Statements("resolve")
ADOPT = faultpoint.point("adopt.commit")
# Seconds that a job may seem to have been created before its submission began.
BEFORE = 5.0
# Candidates that a job's reason names.
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A submission whose answer was lost. age: seconds since it began; looked_at_age: its age when
    the list was last asked.
    """

    id: UUID
    identifier_count: int
    attempts: int
    failures: int
    slot: int
    looks: int
    webhook_at: datetime | None
    submitting_at: datetime
    lane_id: int
    endpoint: str
    identifier_type: str
    fields: list[str]
    age: float
    looked_at_age: float


def resolve(context: Context, account: Account, job_id: UUID) -> list[Wake]:
    """Adopt the vendor's job, send ours again, or come again later."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:  # the submission is still under way
            return []
        job = find(context.settings, connection, account, job_id)
        if job is None:
            return []
        attempt = attempt_of(context, account, connection, job)
        try:
            return _resolve(attempt, job)
        except (errors.NotYourTurn, errors.RateLimited) as turn:
            return _again(attempt, turn.wait, "unresolved: may be one of several", str(turn))
        except errors.VendorError as error:
            heed(connection, account.id, error)
            wait = backoff(context.settings, 0).total_seconds()
            return _again(attempt, wait, f"unresolved: {error}")


def find(
    settings: Settings,
    connection: Connection[Any],
    account: Account,
    job_id: UUID,
    *,
    due: bool = True,
) -> Unresolved | None:
    """The submission, if it is unresolved; due: and to be resolved now."""
    parameters = {
        "job_id": job_id,
        "account_id": account.id,
        "limit": timedelta(seconds=settings.submission_limit),
        "due": due,
    }
    return first(connection, SQL.unresolved, Unresolved, parameters)


def attempt_of(
    context: Context, account: Account, connection: Connection[Any], job: Unresolved
) -> Attempt:
    """The attempt that is unresolved."""
    return Attempt(context, account, connection, job, job.attempts, job.slot)


def find_candidates(
    settings: Settings, connection: Connection[Any], account: Account, job_id: UUID
) -> list[Candidate]:
    """The vendor's jobs that may be it, as far as `look` has seen them; the likeliest first."""
    parameters = {
        "job_id": job_id,
        "account_id": account.id,
        "before": BEFORE,
        "long_before": STALE.total_seconds(),
        "margin": settings.resolve_margin,
    }
    return rows(connection, SQL.candidates, Candidate, parameters)


def _resolve(attempt: Attempt, job: Unresolved) -> list[Wake]:
    context, account, connection = attempt.context, attempt.account, attempt.connection
    settings = context.settings
    candidates = find_candidates(settings, connection, account, job.id)
    unjudged = [it for it in candidates if it.whose == Whose.OPEN]
    wakes, left = _judge_all(attempt, job, [it for it in unjudged if it.likely])
    delivered_nothing = any(it.whose == Whose.EMPTY for it in candidates)
    if not wakes and not left and may_give_up(settings, job, delivered_nothing):
        # the vendor's clock may have jumped; ours tells what has appeared since the call
        appeared = [it for it in unjudged if it.appeared and not it.likely]
        wakes, left = _judge_all(attempt, job, appeared)
        if not wakes and not left:
            why = (
                f"resolved: the vendor does not have it ({job.looks} looks in {job.age:.0f} s); "
                "it is sent again"
            )
            send_again(attempt, why)
            return [Wake("submit", account.name, job.id)]
    if wakes:
        return wakes
    if left:
        names = ", ".join(it.named for it in left[:MAX_NAMED])
        more = ", …" if len(left) > MAX_NAMED else ""
        why = f"unresolved: {len(left)} job(s) at the vendor may be this one: {names}{more}"
        unread = [it.judge_in for it in left if it.ended and it.judge_in > 0]
        # an end is seen by a look, which makes it due
        return _again(attempt, min([settings.look_max, *unread]), why)
    if wakes := _judge_outside(attempt, job, candidates):
        return wakes
    heard = " although its webhook came" if job.webhook_at else ""
    wait = settings.resolve_window / settings.resolve_looks / 2
    return _again(attempt, wait, f"unresolved: not on the vendor's list yet{heard}")


def _judge_all(
    attempt: Attempt, job: Unresolved, candidates: list[Candidate]
) -> tuple[list[Wake], list[Candidate]]:
    """The wake-ups of its adoption if one of them is it; else those that cannot be judged yet."""
    left: list[Candidate] = []
    for candidate in candidates:
        if not candidate.ended or not candidate.judge_now:
            left.append(candidate)
            continue
        verdict = judge(
            attempt.context, attempt.account, attempt.connection, job.id, candidate, Worth.LINKS
        )
        if wakes := _adopt_found(attempt, job, candidate, verdict):
            return wakes, []
        if verdict.whose in (Whose.OPEN, Whose.OURS):  # another submission's finds it, too
            left.append(candidate)
    return [], left


def _judge_outside(attempt: Attempt, job: Unresolved, candidates: list[Candidate]) -> list[Wake]:
    """Nothing likely is left: those created at another time are judged as calls are left over."""
    for candidate in candidates:
        if candidate.likely or not (candidate.ended and candidate.judge_now):
            continue
        if candidate.whose != Whose.OPEN:
            continue
        try:
            verdict = judge(
                attempt.context,
                attempt.account,
                attempt.connection,
                job.id,
                candidate,
                Worth.SAMPLE,
            )
        except errors.NotYourTurn:
            return []
        if wakes := _adopt_found(attempt, job, candidate, verdict):
            return wakes
    return []


def may_give_up(settings: Settings, job: Unresolved, delivered_nothing: bool) -> bool:
    """Whether the vendor has had time enough to show the job, and was asked after it.

    A webhook tells that the vendor had it; then it is only sent again if it delivered nothing.
    """
    heard_of = job.webhook_at is not None and not delivered_nothing
    patience = max(settings.resolve_window, settings.submission_limit)
    looked = job.looked_at_age >= patience and job.looks >= settings.resolve_looks
    return looked and not heard_of


def _adopt_found(
    attempt: Attempt, job: Unresolved, candidate: Candidate, verdict: Verdict
) -> list[Wake]:
    """Adopt what was found, if it is this job's; else its own job finds it, too."""
    if verdict.job_id != job.id:
        return []
    why = f"resolved: it is {candidate.batch_id}; {verdict.why}"
    adopt(attempt, candidate.batch_id, None, why)
    return [
        Wake("merge", attempt.account.name, job.id),
        Wake("sweep", attempt.account.name),
    ]


def adopt(attempt: Attempt, batch_id: str, entities_requested: int | None, why: str) -> bool:
    """The vendor has the job under that batch_id; False when its answer has come meanwhile.

    What was seen of it holds for our job at once.
    """
    connection, account = attempt.connection, attempt.account
    parameters = {"account_id": account.id, "batch_id": batch_id, "job_id": attempt.job.id}
    with transaction(connection, ADOPT):
        rows(connection, SQL.lock_vendor_job, str, parameters)
        if not attempt.accept(batch_id, entities_requested, why):
            return False
        execute(connection, SQL.adopt, parameters | {"why": why})
        derive(connection, account)
    log.info("job.resolved", job=attempt.job.id, batch=batch_id, why=why)
    mend_if_possible(connection, account, account.standing(connection))
    hint(connection, account.id)
    return True


def send_again(attempt: Attempt, why: str) -> bool:
    """The vendor does not have the job: it waits for a slot again; False as for `adopt`."""
    done = attempt.put_back(why, failed=True)
    if done:
        log.info("job.resolved", job=attempt.job.id, why=why)
    return done


def _again(attempt: Attempt, seconds: float, why: str, waits_for: str | None = None) -> list[Wake]:
    parameters = {
        "job_id": attempt.job.id,
        "account_id": attempt.account.id,
        "attempts": attempt.number,
        "why": why,
        "waits_for": waits_for,
        "wait": timedelta(seconds=seconds),
    }
    execute(attempt.connection, SQL.again, parameters)
    return [
        Wake("resolve", attempt.account.name, attempt.job.id, delay=max(seconds, 0.1)),
        plan(attempt.connection, attempt.context.settings, attempt.account),
    ]
