"""Estimate: what an enqueue would do, without doing it. It reads, and holds nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from manager.client.arguments import check_type, field_selection, freshness
from manager.client.enqueue import DEFAULT_ENDPOINT
from manager.client.staging import Staging, check_identifiers
from manager.endpoints import endpoint
from manager.errors import ConfigurationError, InvalidIdentifier
from manager.identifiers import MISSING, IdentifierType
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
    of that size; None when there were none.
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
) -> Script[Estimate]:
    """The script of one estimate; see `Manager.estimate`."""
    wanted = endpoint(endpoint_name)
    check_type(identifier_type)
    check_identifiers(identifier_type, identifiers)
    selection = field_selection(fields)
    wanted.check(identifier_type, selection)
    parameters: dict[str, Any] = {
        "account": account or settings.account,
        "endpoint": wanted.name,
        "identifier_type": identifier_type,
        "fields": selection,
        "max_age": freshness(max_age, settings),
    }
    staging = Staging(identifier_type, identifiers, hashlib.sha256())
    return _estimate(parameters, staging, wanted.job_size)


def _estimate(parameters: dict[str, Any], staging: Staging, job_size: int) -> Script[Estimate]:
    lanes = yield from ask(SQL.lane, int, parameters)
    if not lanes:
        raise ConfigurationError(f"The ledger has no account named {parameters['account']!r}.")
    parameters |= {"lane_id": lanes[0]}
    counts = Counts()
    keys = _distinct_keys(staging)
    while batch := list(islice(keys, BATCH)):
        [more] = yield from ask(SQL.count_keys, Counts, parameters | {"keys": batch})
        counts = _sum(counts, more)
    to_buy = counts.new + counts.stale + counts.unsuccessful
    parameters |= {"size": min(to_buy, job_size)}
    [pace] = yield from ask(SQL.pace, Pace, parameters)
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
