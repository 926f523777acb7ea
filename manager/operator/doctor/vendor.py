"""Vendor: whether an account's key is taken, how the vendor's clock and limits stand, whose jobs
are active there.

One call of the list of jobs is made, which costs no credits. It is asked of the gate like any
other, so it counts; when no call is left, or others wait for theirs, it is not made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from manager.errors import ConfigurationError
from manager.ledger.execute import first, one, rows
from manager.ledger.sql import Statements
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import Finding, ok, problem, warning
from manager.operator.doctor.reach import reach
from manager.operator.trouble import TROUBLE, named
from manager.operator.words import counted, duration
from manager.semaphore import Owner, RedisGate
from manager.settings import AccountSettings
from manager.vendor import errors
from manager.vendor.answer import Budget
from manager.vendor.calls import Gate, NoGate, Route, Worth
from manager.vendor.client import VendorClient
from manager.vendor.types import JobPage, VendorJob

SQL = Statements("doctor")
# Seconds by which clocks may differ: the Date header has no parts of seconds.
SKEW = 5.0


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a job of the vendor's list is, as the ledger knows; None: not seen by any look yet."""

    batch_id: str
    whose: str | None


def look(case: Case) -> Iterator[Finding]:
    """All of it, of each account that the case is about."""
    for account in case.accounts:
        for finding in _look(case, account):
            yield replace(finding, account=account.name)


def _look(case: Case, account: AccountSettings) -> Iterator[Finding]:
    yield from reach("vendor_url", account.vendor_url)
    gate = _gate(case, account)
    if gate is not None and (waits := _no_call_left(gate)):
        yield waits
        return
    noting = _Noting(gate or NoGate())
    try:
        with VendorClient(case.settings, account, noting) as vendor:
            began = datetime.now(UTC)
            page = vendor.list_jobs(who="doctor", worth=Worth.LOOK)
            took = datetime.now(UTC) - began
    except ConfigurationError as error:
        advice = "Set it, and restart; until then the account is paused."
        yield problem("key", str(error), advice, code="key-missing")
        return
    except errors.VendorError as error:
        yield _refused(error, account)
        yield from _limits(noting.said, account)
        return
    known = "" if gate else ", counted nowhere, since the ledger or Redis cannot be asked"
    yield ok(
        "key",
        f"accepted: the list of jobs came within {duration(took.total_seconds())}. It took one "
        f"call of the list{known}",
    )
    yield from _clock(page, began + took / 2)
    yield from _limits(noting.said, account)
    yield from _known_to_the_ledger(case, account, page)


class _Noting:
    """A gate that keeps what the vendor's headers said."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.said: Budget | None = None

    def take(self, route: Route, who: str, worth: Worth) -> None:
        self._gate.take(route, who, worth)

    def answered(
        self,
        route: Route,
        limit: int | None,
        remaining: int | None,
        reset: float | None,
        blocked: float | None,
    ) -> None:
        self.said = Budget(limit, remaining, reset)
        self._gate.answered(route, limit, remaining, reset, blocked)


def _gate(case: Case, account: AccountSettings) -> RedisGate | None:
    """The account's gate; None where the ledger or Redis cannot be asked."""
    try:
        with case.ledger() as connection:
            account_id = first(connection, SQL.account_id, int, {"account": account.name})
        if account_id is None:
            return None
        owner = Owner(case.ledger_id, account_id)
        gate = RedisGate(case.redis, owner, account.vendor_calls_per_minute)
        gate.calls("list")
    except TROUBLE:
        return None
    return gate


def _no_call_left(gate: RedisGate) -> Finding | None:
    """That the call is not made: it would keep one from the daemon, or be refused."""
    calls = gate.calls("list")
    if calls.blocked_until:
        until = f"{calls.blocked_until:%H:%M:%S} UTC"
        why = f"the vendor wants no call of the list until {until}"
    elif calls.waiting or calls.used >= calls.allowed:
        why = (
            f"{calls.used} of {calls.allowed} calls of the list were made in the last minute, and "
            f"{calls.waiting} wait for their turn"
        )
    else:
        return None
    return warning("key", f"not tried: {why}", "Ask again in a minute.")


def _refused(error: errors.VendorError, account: AccountSettings) -> Finding:
    """What the call ended with instead of a list."""
    code = "list-unavailable"
    advice = f"See what answers at {account.vendor_url}; it may be another's, or out of order."
    match error:
        case errors.NotYourTurn():
            return warning("key", f"not tried: it {error}", "Ask again in a minute.")
        case errors.NotSent():
            advice = "See what was found of name, connection and TLS."
            return problem("answer", str(error), advice, code="list-unavailable")
        case errors.Unauthorized():
            subject, code = "key", "key-refused"
            advice = "Set the account's right vendor_api_key, restart, `enrichd resume`."
        case errors.Forbidden():
            subject, code = "key", "key-refused"
            advice = "The key may not read the list of jobs; ask the vendor for it."
        case errors.NoCredits():
            subject, code = "credits", "no-credits"
            advice = "Buy credits, then `enrichd resume`."
        case errors.TooManyRequests():
            return warning("rate limits", str(error), "Another tool uses the key, too; wait.")
        case errors.BadRequest() if "version" in str(error).lower():
            subject, advice = "x-api-version", "Unset vendor_api_version, or upgrade this program."
        case _:
            subject = "answer"
    return problem(subject, str(error), advice, code=code)


def _clock(page: JobPage, middle: datetime) -> Iterator[Finding]:
    if page.date is None:
        yield ok("clock", "the vendor's answer has no Date; its jobs' times tell its clock")
        return
    ahead = (page.date - middle).total_seconds()
    if abs(ahead) > SKEW:
        which = "ahead of" if ahead > 0 else "behind"
        yield warning(
            "clock",
            f"the vendor's is {duration(abs(ahead))} {which} this machine's. Looks reckon with "
            "it, but a time that it asks to wait until is off by as much",
            "Let this machine's clock be set (NTP). If Postgres's agrees with it, the vendor's is "
            "wrong.",
        )
    else:
        yield ok("clock", "the vendor's agrees with this machine's to the second or so")


def _limits(said: Budget | None, account: AccountSettings) -> Iterator[Finding]:
    if said is None:
        return
    assumed = account.vendor_calls_per_minute
    if said.limit is None:
        yield ok(
            "rate limits",
            f"no x-ratelimit headers; {assumed} calls a minute are assumed "
            "(vendor_calls_per_minute), and less after a 429",
        )
        return
    reset = "" if said.reset is None else f", the next comes free in {duration(said.reset)}"
    text = f"{said.limit} calls of the list a minute, {said.remaining} left{reset}"
    if said.remaining == 0:
        yield warning("rate limits", text, "Another tool uses the key, too, if our own are few.")
    else:
        yield ok("rate limits", text)


def _known_to_the_ledger(case: Case, account: AccountSettings, page: JobPage) -> Iterator[Finding]:
    """Whose jobs are active, and what the last submission says of the version header."""
    active = [job for job in page.jobs if job.active]
    try:
        with case.ledger() as connection:
            account_id = first(connection, SQL.account_id, int, {"account": account.name})
            if account_id is None:
                yield warning(
                    "jobs",
                    f"{counted(len(active), 'job')} active; the ledger does not know the account",
                    "Run `enrichd db upgrade`.",
                )
                return
            parameters = {
                "account_id": account_id,
                "batch_ids": [job.batch_id for job in page.jobs],
            }
            whose = {it.batch_id: it.whose for it in rows(connection, SQL.whose, Owned, parameters)}
            ago = one(connection, SQL.last_accepted, float, parameters)
            unresolved = one(connection, SQL.unresolved, int, parameters)
    except TROUBLE as error:
        yield warning(
            "jobs",
            f"{counted(len(active), 'job')} active; whose they are is not known, since the ledger "
            f"cannot be asked: {named(error)}",
            "See what is found of Postgres.",
        )
        return
    yield _version(case.settings.vendor_api_version, ago)
    yield from _jobs(account, active, whose, unresolved)


def _version(version: str, ago: float | None) -> Finding:
    said = f"{version} was sent, and nothing said against it"
    if ago is None:
        return ok("x-api-version", f"{said}; that a submission takes it only a job can tell")
    return ok("x-api-version", f"{said}; the last submission was taken {duration(ago)} ago")


def _jobs(
    account: AccountSettings,
    active: list[VendorJob],
    whose: dict[str, str | None],
    unresolved: int,
) -> Iterator[Finding]:
    by_whose = Counter(whose[job.batch_id] for job in active)
    ours, foreign, unseen = (
        by_whose["ours"],
        by_whose["foreign"] + by_whose["empty"],
        by_whose[None],
    )
    yield ok("jobs", f"{len(active)} of {account.cap} active at the vendor, {ours} of them ours")
    if foreign or unseen:
        strangers = [job for job in active if whose[job.batch_id] != "ours"]
        yield warning(
            "foreign jobs",
            f"{counted(foreign, 'active job')} of others, and {unseen} that no look has seen yet: "
            f"{_named(strangers)}. They take slots from ours",
            "Nothing, if another tool uses the key. If none does, two ledgers do (a copy, an "
            "installation that was forgotten), or the ledger was restored from a backup.",
        )
    if by_whose["open"] or unresolved:
        yield warning(
            "unresolved",
            f"{counted(unresolved, 'submission')} of which nobody knows whether the vendor has it; "
            f"{counted(by_whose['open'], 'active job')} there may be such a one",
            "Nothing: the daemon finds out by itself. `enrichd jobs` says how far it is.",
        )


def _named(jobs: list[VendorJob], most: int = 3) -> str:
    shown = [
        f"{it.batch_id} ({it.action} {it.entity}, {it.identifier_count})" for it in jobs[:most]
    ]
    return ", ".join(shown) + (", …" if len(jobs) > most else "")
