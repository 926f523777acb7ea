"""What an act of an operator does besides, in its own transaction: it is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from psycopg import Connection

from manager import faultpoint

COMMIT = faultpoint.point("act.commit")
Record: TypeAlias = Callable[[Connection[Any]], None]


def unrecorded(connection: Connection[Any]) -> None:
    """Of what no operator does."""
