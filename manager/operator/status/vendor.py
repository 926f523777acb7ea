"""The vendor: what it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from manager.operator.problems import Problem, warning
from manager.operator.status.account import Looked, Row
from manager.operator.words import counted, duration, short


def problems(looked: Looked) -> Iterator[Problem]:
    """That its list of jobs cannot be had."""
    row = looked.row
    if row.look_error is not None and row.paused_for != "unauthorized":
        yield warning(
            "list-unavailable",
            "the vendor's list of jobs cannot be had "
            f"({counted(row.look_failures, 'time')} in a row, {_heard(row)}): "
            f"{short(row.look_error)}",
            f"Nothing need be done: it is asked again {_next(row)}. If it goes on, `enrichd doctor "
            "--area vendor`.",
            row.name,
        )


def _heard(row: Row) -> str:
    if row.looked_ago is None:
        return "nothing was ever heard"
    return f"nothing was heard for {duration(row.looked_ago)}"


def _next(row: Row) -> str:
    if row.look_in <= 0:
        return "now"
    return f"at {datetime.now(UTC) + timedelta(seconds=row.look_in):%H:%M:%S} UTC"
