"""Estimate: what an enqueue would do, without doing it. It reads, and holds nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from manager.client.arguments import (
    check_type,
    checked_account,
    checked_linger,
    checked_tag,
    field_selection,
    freshness,
)
from manager.client.budgets import budgets_of, price_of
from manager.client.enqueue import DEFAULT_ENDPOINT
from manager.client.staging import Staging, check_identifiers
from manager.endpoints import endpoint
from manager.errors import ConfigurationError, InvalidIdentifier, quoted
from manager.identifiers import MISSING, IdentifierType
from manager.ledger.budgets import BudgetStanding
from manager.ledger.script import Script, ask
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("estimate")
BATCH = 5_000
_MISSING = {MISSING, "is empty"}


@dataclass(frozen=True, slots=True)
class Counts:
    """How many keys are what; oldest, newest: of those that are fresh."""

    new: int = 0
    unsuccessful: int = 0
    stale: int = 0
    pending: int = 0
    in_job: int = 0
    fresh: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the account goes: its slots, its jobs that come before, seconds of a job's run."""

    slots: int
    ahead: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an enqueue would do, as the ledger stands now.

    total: identifiers handed over. `invalid`: those that cannot be looked up. `duplicates`: repeats
    of others in the call. Of the rest, each once: `new` ones were never asked for; `stale` results
    are older than `max_age`; `unsuccessful` ones failed or were cancelled; `pending` ones wait for
    a job already; `in_job` ones are in one; `fresh` results are taken as they are, and were
    fetched between `oldest` and `newest`. jobs: how many the new purchase makes, if it has them to
    itself. seconds: until they are done, if the account's jobs take as long as its last ones
    of that size; None when there were none. lingers: seconds that the last of them may wait before
    that for others, to be full, by these settings. price: credits a record; None: not
    configured. budgets: how those stand that it is bought from.
    """

    total: int
    invalid: tuple[InvalidIdentifier, ...]
    duplicates: int
    new: int
    stale: int
    unsuccessful: int
    pending: int
    in_job: int
    fresh: int
    oldest: datetime | None
    newest: datetime | None
    jobs: int
    seconds: float | None
    lingers: float = 0.0
    price: Decimal | None = None
    budgets: tuple[BudgetStanding, ...] = ()

    @property
    def credits(self) -> Decimal | None:
        """The most credits that it would cost; None without a price."""
        return None if self.price is None else self.price * self.to_buy

    @property
    def leaves(self) -> int | None:
        """How many records the budgets leave now beside what waits already; None: any number."""
        return min(
            (it for each in self.budgets if (it := self._left(each)) is not None), default=None
        )

    @property
    def refused_by(self) -> BudgetStanding | None:
        """The hard budget that would refuse it."""
        return next((it for it in self.budgets if it.hard and self._is_over(it)), None)

    @property
    def waits_for(self) -> BudgetStanding | None:
        """The budget for which some of it would wait, the one that turns last."""
        over = (it for it in self.budgets if not it.hard and self._is_over(it))
        return max(over, key=lambda it: it.until, default=None)

    def _left(self, budget: BudgetStanding) -> int | None:
        left = [] if (records := budget.unasked("records")) is None else [int(records)]
        if (credits := budget.unasked("credits")) is not None and self.price != 0:
            left.append(int(credits / self.price) if self.price else 0)
        return min(left, default=None)

    def _is_over(self, budget: BudgetStanding) -> bool:
        left = self._left(budget)
        return bool(self.to_buy) and left is not None and self.to_buy > left

    @property
    def to_buy(self) -> int:
        """The most records that would be bought."""
        return self.new + self.stale + self.unsuccessful

    @property
    def joined(self) -> int:
        """Identifiers that have been asked for already, and are not bought once more."""
        return self.pending + self.in_job

    @property
    def missing(self) -> int:
        """How many of the invalid ones are no value at all: None, not a number, an empty text."""
        return sum(it.reason in _MISSING for it in self.invalid)


def estimate(
    settings: Settings,
    identifier_type: IdentifierType,
    identifiers: Iterable[object],
    *,
    endpoint_name: str = DEFAULT_ENDPOINT,
    account: str | None = None,
    fields: Sequence[str] = (),
    max_age: timedelta | float | None = None,
    tag: str | None = None,
    linger: bool = True,
) -> Script[Estimate]:
    """The script of one estimate; see `Manager.estimate`."""
    wanted = endpoint(endpoint_name)
    check_type(identifier_type)
    check_identifiers(identifier_type, identifiers)
    selection = field_selection(fields)
    wanted.check(identifier_type, selection)
    parameters: dict[str, Any] = {
        "account": checked_account(account) or settings.account,
        "endpoint": wanted.name,
        "identifier_type": identifier_type,
        "fields": selection,
        "max_age": freshness(max_age, settings),
        "tag": checked_tag(tag),
    }
    staging = Staging(identifier_type, identifiers, hashlib.sha256())
    job_size = min(wanted.job_size, settings.job_size)
    lingers = settings.linger if checked_linger(linger) else 0.0
    return _estimate(parameters, staging, job_size, lingers)


def _estimate(
    parameters: dict[str, Any], staging: Staging, job_size: int, lingers: float
) -> Script[Estimate]:
    lanes = yield from ask(SQL.lane, int, parameters)
    if not lanes:
        raise ConfigurationError(
            f"The ledger has no account named {quoted(parameters['account'])}."
        )
    parameters |= {"lane_id": lanes[0]}
    counts = Counts()
    keys = _distinct_keys(staging)
    while batch := list(islice(keys, BATCH)):
        [more] = yield from ask(SQL.count_keys, Counts, parameters | {"keys": batch})
        counts = _sum(counts, more)
    to_buy = counts.new + counts.stale + counts.unsuccessful
    parameters |= {"size": min(to_buy, job_size)}
    [pace] = yield from ask(SQL.pace, Pace, parameters)
    price = yield from price_of(parameters["account"], parameters["endpoint"])
    budgets = yield from budgets_of(parameters["account"], parameters["tag"])
    jobs = -(-to_buy // job_size)
    distinct = to_buy + counts.pending + counts.in_job + counts.fresh
    return Estimate(
        total=staging.total + len(staging.invalid),
        invalid=tuple(staging.invalid),
        duplicates=staging.total - distinct,
        new=counts.new,
        stale=counts.stale,
        unsuccessful=counts.unsuccessful,
        pending=counts.pending,
        in_job=counts.in_job,
        fresh=counts.fresh,
        oldest=counts.oldest,
        newest=counts.newest,
        jobs=jobs,
        seconds=_seconds(pace, jobs),
        lingers=lingers if to_buy % job_size else 0.0,
        price=price,
        budgets=tuple(budgets),
    )


def _distinct_keys(staging: Staging) -> Iterator[str]:
    """Each key once. Of those that have passed, 64 bits are remembered: enough for any call."""
    passed: set[int] = set()
    for _, key, _, _ in staging.rows():
        if (digest := hash(key)) not in passed:
            passed.add(digest)
            yield key


def _sum(one: Counts, other: Counts) -> Counts:
    times = [it for it in (one.oldest, one.newest, other.oldest, other.newest) if it is not None]
    return replace(
        one,
        new=one.new + other.new,
        unsuccessful=one.unsuccessful + other.unsuccessful,
        stale=one.stale + other.stale,
        pending=one.pending + other.pending,
        in_job=one.in_job + other.in_job,
        fresh=one.fresh + other.fresh,
        oldest=min(times, default=None),
        newest=max(times, default=None),
    )


def _seconds(pace: Pace, jobs: int) -> float | None:
    if not jobs:
        return 0.0
    if pace.seconds is None or not pace.slots:
        return None
    return pace.seconds * -(-(pace.ahead + jobs) // pace.slots)
