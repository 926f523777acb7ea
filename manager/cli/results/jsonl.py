"""Results as JSON lines: an object for each identifier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO

from manager.client.follow import Row
from manager.client.table import Table
from manager.client.written import json_lines


def write(table: Table, pages: Iterable[Sequence[Row]], file: IO[bytes]) -> None:
    """See `json_lines`."""
    file.writelines(json_lines(table, pages))
