"""Stats: what was asked for, bought and waited for, by day, account, lane, tag or metadata.

Read from counters that are written with what they count, so it is quick after years, and what
retention has removed is still in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.errors import InvalidRequestError
from manager.ledger.connect import Ledger
from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("stats")
PERIODS = {"day": "YYYY-MM-DD", "month": "YYYY-MM"}
DIMENSIONS = ("day", "month", "account", "endpoint", "lane", "tag")
DEFAULT_SPAN = timedelta(days=30)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Counted:
    """A number of a group, as the ledger gives it."""

    period: str | None
    account: str | None
    endpoint: str | None
    lane_id: int | None
    identifier_type: str | None
    fields: list[str] | None
    tag: str | None
    name: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class OfMetadata:
    """The numbers of a group of requests, as the ledger gives them."""

    period: str | None
    account: str | None
    endpoint: str | None
    lane_id: int | None
    identifier_type: str | None
    fields: list[str] | None
    tag: str | None
    metadata: str | None
    requests: int
    asked: int
    hits: int
    joined: int
    bought: int
    not_found: int
    failed: int
    credits: Decimal
    settled: int | None
    wait_median: float | None
    wait_p95: float | None


@dataclass(slots=True)
class Group:
    """What was counted of a group; what it is of is None unless asked for.

    requests; asked: identifiers in them, of which `hits` were fresh at once and `joined` were
    begun by others, or repeats. bought: records, which cost `credits`; not_found, failed:
    purchases that came to nothing. jobs that the vendor accepted, in shares where tags share one;
    submitted: identifiers in them; fill: of how many they could have held. Seconds from the call to
    the outcome: of the median, of 95 % (both within a factor of two), and on average.
    """

    period: str | None = None
    account: str | None = None
    endpoint: str | None = None
    lane: str | None = None
    tag: str | None = None
    metadata: str | None = None
    requests: int = 0
    asked: int = 0
    hits: int = 0
    joined: int = 0
    bought: int = 0
    not_found: int = 0
    failed: int = 0
    credits: Decimal = Decimal(0)
    jobs: float | None = None
    submitted: int | None = None
    fill: float | None = None
    settled: int = 0
    wait_median: float | None = None
    wait_p95: float | None = None
    wait_mean: float | None = None


@dataclass(slots=True)
class _Sums:
    """The numbers of a group on their way into it."""

    group: Group
    amounts: dict[str, Decimal] = field(default_factory=dict)


def stats(
    settings: Settings,
    *,
    by: Sequence[str] = ("day",),
    since: datetime | None = None,
    until: datetime | None = None,
    account: str | None = None,
    tag: str | None = None,
    metadata: str | None = None,
) -> list[Group]:
    """What was counted from `since` (30 days ago) until `until` (now), by any of DIMENSIONS.

    account, tag: only of these. metadata: by what callers said under that key, too; then of the
    requests that the ledger still has, by the day of the call, and without jobs. Raises
    InvalidRequestError.
    """
    with Ledger(settings, "cli").connect() as connection:
        return read(
            connection,
            settings,
            by=by,
            since=since,
            until=until,
            account=account,
            tag=tag,
            metadata=metadata,
        )


def read(
    connection: Connection[Any],
    settings: Settings,
    *,
    by: Sequence[str] = ("day",),
    since: datetime | None = None,
    until: datetime | None = None,
    account: str | None = None,
    tag: str | None = None,
    metadata: str | None = None,
) -> list[Group]:
    """The same on a connection."""
    if unknown := sorted(set(by) - set(DIMENSIONS)):
        raise InvalidRequestError(
            f"by: {', '.join(unknown)[:80]!r} is not one of {', '.join(DIMENSIONS)}."
        )
    now = datetime.now(UTC)
    since = since or now - DEFAULT_SPAN
    period = next((PERIODS[it] for it in PERIODS if it in by), None)
    parameters: dict[str, Any] = {
        "timezone": settings.budget_timezone,
        "period": period,
        **{name: name in by for name in DIMENSIONS},
        "since": since,
        "until": until or now + timedelta(days=1),
        "only_account": account,
        "only_tag": tag,
    }
    if metadata is None:
        return _groups(rows(connection, SQL.counted, Counted, parameters))
    parameters |= {"key": metadata, "first": _first_id(since)}
    found = rows(connection, SQL.by_metadata, OfMetadata, parameters)
    return _sorted(_of_metadata(it) for it in found)


def _groups(counted: Iterable[Counted]) -> list[Group]:
    found: dict[tuple[Any, ...], _Sums] = {}
    for it in counted:
        lane = _lane(it)
        key = (it.period, it.account, it.endpoint, lane, it.tag)
        sums = found.setdefault(key, _Sums(Group(*key)))
        sums.amounts[it.name] = sums.amounts.get(it.name, Decimal(0)) + it.amount
    return _sorted(_filled(it) for it in found.values())


def _filled(sums: _Sums) -> Group:
    group, amounts = sums.group, sums.amounts
    for name in ("requests", "asked", "hits", "joined", "bought", "not_found", "failed", "settled"):
        setattr(group, name, int(amounts.get(name, 0)))
    group.credits = amounts.get("credits", Decimal(0))
    group.jobs = round(float(amounts.get("jobs", 0)), 2)
    group.submitted = int(amounts.get("submitted", 0))
    if capacity := amounts.get("capacity"):
        group.fill = round(float(group.submitted / capacity), 4)
    buckets = {
        int(name.removeprefix("wait ")): amount
        for name, amount in amounts.items()
        if name.startswith("wait ") and amount > 0
    }
    group.wait_median, group.wait_p95 = percentile(buckets, 0.5), percentile(buckets, 0.95)
    if group.settled > 0:
        group.wait_mean = round(float(amounts.get("waited", 0) / group.settled), 3)
    return group


def percentile(buckets: dict[int, Decimal], share: float) -> float | None:
    """Seconds within which that share of what is in the buckets was done; bucket N holds what took
    from 2^(N-1) to 2^N seconds.
    """
    whole = float(sum(buckets.values()))
    passed = 0.0
    for number in sorted(buckets):
        count = float(buckets[number])
        if passed + count >= whole * share:
            low, high = (0.0 if number == 0 else 2.0 ** (number - 1)), 2.0**number
            return round(low + (high - low) * (whole * share - passed) / count, 1)
        passed += count
    return None


def _of_metadata(it: OfMetadata) -> Group:
    return Group(
        period=it.period,
        account=it.account,
        endpoint=it.endpoint,
        lane=_lane(it),
        tag=it.tag,
        metadata=it.metadata,
        requests=it.requests,
        asked=it.asked,
        hits=it.hits,
        joined=it.joined,
        bought=it.bought,
        not_found=it.not_found,
        failed=it.failed,
        credits=it.credits,
        settled=it.settled or 0,
        wait_median=it.wait_median,
        wait_p95=it.wait_p95,
    )


def _lane(it: Counted | OfMetadata) -> str | None:
    """What a lane is called: `company/enrich domains`, and its fields."""
    if it.lane_id is None:
        return None
    if it.identifier_type is None:
        return f"{it.endpoint}, removed lane {it.lane_id}"
    fields = f" +{','.join(it.fields)}" if it.fields else ""
    return f"{it.endpoint} {it.identifier_type}{fields}"


def _sorted(groups: Iterable[Group]) -> list[Group]:
    return sorted(
        groups,
        key=lambda it: tuple(
            value or ""
            for value in (it.period, it.account, it.endpoint, it.lane, it.tag, it.metadata)
        ),
    )


def _first_id(since: datetime) -> UUID:
    """No request that was made since then has a smaller id, if its caller's clock was not more than
    a day behind.
    """
    moment = max(since - timedelta(days=1), LONG_AGO)
    return UUID(int=int(moment.timestamp() * 1000) << 80)
