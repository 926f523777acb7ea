"""Schedule: when the vendor's list is asked next.

A slot whose job has ended stands empty until a look finds it. A look is due when the slot-seconds
that are lost meanwhile, as far as one can expect, are worth a call: what a call is worth follows
from how many the vendor allows. How long jobs take is learnt per lane and size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import fmean, median
from typing import Any

from psycopg import Connection
from redis.exceptions import RedisError

from manager.ledger.execute import execute, one, rows
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.steps.account import Account
from manager.steps.context import Wake

SQL = Statements("look")
# How far apart looks are, as a share of what the limit sustains: less than that while calls are
# left over, since questions about single jobs spare some looks.
CLOSE, APART = 0.6, 0.9
# While nothing waits for a slot only those who wait for results lose by a late look.
IDLE_WEIGHT = 0.15
# Seconds between looks for an end that a webhook told of and the list does not show yet.
TOLD = 3.0
# As long as webhooks tell of the ends, looks are for those that get lost.
HEARD_WEIGHT = 0.05
# The share of what a look could find that makes a job worth a question of its own.
MOST = 0.5
# Seconds beyond which no look is planned while there is something to look for.
FAR = 90.0
# Seconds until the next look when there is nothing to look for.
NOTHING = 3600.0
# With nothing learnt yet: half of all jobs end within so many seconds, a few take far longer.
USUAL = 30.0
# A vendor whose times have whole seconds says 0 of quick jobs.
SHORTEST = 0.1
# How much of the belief stays with that, whatever was learnt.
DOUBT = 0.5
# How far a job may be off one that was like it.
SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """A job at the vendor, or one that may be there. Times in seconds.

    age: since its acceptance. unseen: since it was last seen at work. seconds: how long those
    like it took.
    """

    kind: str
    age: float
    unseen: float
    seconds: list[float] = field(default_factory=list)
    batch_id: str | None = None

    def alive(self, age: float) -> float:
        """The chance that a job like it is at work still at that age."""
        usual = max(median(self.seconds), SHORTEST) if self.seconds else USUAL
        chances = [_fades(age, seconds) for seconds in self.seconds]
        doubt = DOUBT if chances else 1.0
        return (sum(chances) + doubt * usual / (usual + max(age, 0.0))) / (len(chances) + doubt)

    def ended(self, after: float) -> float:
        """The chance that it has ended so many seconds from now, as it was seen at work then."""
        seen = self.alive(self.age - self.unseen)
        return 1.0 - self.alive(self.age + after) / seen if seen > 0 else 1.0

    @property
    def lost(self) -> float:
        """Slot-seconds that may have been lost since it was last seen at work."""
        if self.unseen <= 0:
            return 0.0
        return self.unseen * (self.ended(-self.unseen / 2) + self.ended(0.0)) / 2

    @property
    def usual(self) -> float:
        """How long it takes, for want of a better guess as long again as it has taken."""
        return fmean(self.seconds) if self.seconds else max(USUAL, self.age)


def next_look(
    running: Sequence[Running], interval: float, weight: float, least: float, most: float
) -> float:
    """Seconds until the next look, between `least` and `most`.

    interval: seconds between two calls that the vendor's limit sustains. weight: what an empty
    slot costs, 1 while work waits for it.
    """
    worth = sum(1 / max(it.usual, interval) for it in running) * interval**2 / 2
    lost, at, step = sum(it.lost for it in running), 0.0, interval / 20
    while at < most:
        lost += step * sum(it.ended(at + step / 2) for it in running)
        at += step
        if lost * weight >= worth:
            break
        step *= 1.1
    return min(max(at, least), most)


def after_look(connection: Connection[Any], settings: Settings, account: Account) -> float:
    """Seconds until the next look as things stand now."""
    parameters = {"account_id": account.id}
    running = rows(connection, SQL.running, Running, parameters)
    waiting = one(connection, SQL.waiting, bool, parameters)
    if not waiting:  # then it does not matter when a foreign job ends
        running = [it for it in running if it.kind != "foreign"]
    most = settings.look_max
    if any(it.kind == "open" for it in running):
        most = min(most, settings.resolve_window / settings.resolve_looks)
    if one(connection, SQL.told, bool, parameters):
        most = min(most, max(settings.look_min, TOLD))
    if not running:
        given_up = one(connection, SQL.given_up, bool, parameters)
        return 5 * settings.look_max if given_up else NOTHING
    weight = 1.0 if waiting else IDLE_WEIGHT
    if settings.webhook_url and one(connection, SQL.heard, bool, parameters):
        weight *= HEARD_WEIGHT
    return next_look(running, _interval(account), weight, min(settings.look_min, most), most)


def likeliest(connection: Connection[Any], settings: Settings, account: Account) -> str | None:
    """The job of ours that is worth a question of its own, since a slot that it has left would be
    most of what a look could find; None when there is none, nothing waits for a slot, webhooks
    tell, or it is the list that is wanted.
    """
    parameters = {"account_id": account.id, "longest": timedelta(seconds=settings.look_max)}
    if one(connection, SQL.list_wanted, bool, parameters):
        return None
    heard = settings.webhook_url and one(connection, SQL.heard, bool, parameters)
    if heard or not one(connection, SQL.waiting, bool, parameters):
        return None
    running = rows(connection, SQL.running, Running, parameters)
    most = max(running, key=lambda it: it.lost, default=None)
    if most is None or most.lost < MOST * sum(it.lost for it in running):
        return None
    return most.batch_id


def plan(connection: Connection[Any], settings: Settings, account: Account) -> Wake:
    """Look no later than what has just begun makes worth while."""
    wait = after_look(connection, settings, account)
    execute(connection, SQL.look_by, {"account_id": account.id, "wait": wait})
    return Wake("look", account.name, delay=wait)


def keep_looking(connection: Connection[Any], settings: Settings, account: Account) -> None:
    """Look at once if none is planned although the vendor has, or may have, a job of ours."""
    longest = timedelta(seconds=max(FAR, settings.look_max, settings.backoff_max))
    execute(connection, SQL.keep_looking, {"account_id": account.id, "longest": longest})


def hint(connection: Connection[Any], account_id: int) -> None:
    """Look at once: something has happened at the vendor."""
    execute(connection, SQL.look_now, {"account_id": account_id})


def spacing(used: int, allowed: int) -> float:
    """Seconds between two looks, with so many calls used in the last minute of those allowed."""
    return 60.0 / allowed * min(max(0.85 * used / allowed, CLOSE), APART)


def _interval(account: Account) -> float:
    """Seconds between two looks, by what the gate knows."""
    try:
        calls = account.gate.calls("list")
    except RedisError:
        return 60.0 / account.settings.vendor_calls_per_minute
    return spacing(calls.used, calls.allowed)


def _fades(age: float, seconds: float) -> float:
    """1 well before that many seconds, 0 well after."""
    width = max(2 * SPREAD * seconds, SHORTEST)
    return min(max((seconds + width / 2 - age) / width, 0.0), 1.0)
