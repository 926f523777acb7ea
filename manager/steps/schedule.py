"""When to poll: near the expected end, learnt per lane and size, then closing in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg import Connection

from manager.ledger.connect import one
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("submit")


def expected(connection: Connection[Any], lane_id: int, size: int) -> float | None:
    """Seconds that jobs like this one took at the vendor; None when there was none."""
    seconds: float | None = one(
        connection, SQL.expected, {"lane_id": lane_id, "size": size}
    ).seconds
    return seconds


def first_poll(
    settings: Settings, connection: Connection[Any], lane_id: int, size: int
) -> timedelta:
    """The wait between the acceptance of a job and its first poll."""
    return next_poll(settings, 0.0, expected(connection, lane_id, size))


def next_poll(settings: Settings, age: float, expected_age: float | None) -> timedelta:
    """The wait until the next poll of a job accepted `age` seconds ago.

    Before its expected end: until shortly before it. After, or when nothing is expected: a
    quarter of its age, so that a long job is not asked about all the time.
    """
    left = expected_age - age if expected_age is not None else 0.0
    wait = 0.9 * left if left > 0 else age / 4
    return timedelta(seconds=min(settings.poll_max, max(settings.poll_min, wait)))
