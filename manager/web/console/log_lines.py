"""Log lines of this machine that name an object, beside its history.

`enrichd up` keeps its processes' output in the data directory; where logs go elsewhere there is
nothing to read. They hold no secrets: what writes them sees to that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from pathlib import Path
from typing import Any

from manager.settings import Settings

# Of each file so many bytes at its end are read.
TAIL = 1_000_000
MOST = 100
LONGEST = 1_000
# What stands in columns of its own, or is the same in all lines of an object.
ELSEWHERE = {"timestamp", "level", "event", "logger", "process", "pid", "account"}
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a process's log. at: None where it does not say. text: its other fields, or all of
    it where it has none.
    """

    at: datetime | None
    log: str
    level: str
    event: str
    text: str


def log_lines(settings: Settings, id: str) -> list[Line]:
    """The last lines with that id, the newest first."""
    if settings.data_dir is None:
        return []
    logs = sorted((settings.data_dir / "logs").glob("*.log"))
    lines = (_line(path.stem, line, id) for path in logs for line in _naming(path, id.encode()))
    return nlargest(MOST, lines, key=lambda it: it.at or LONG_AGO)


def _naming(path: Path, wanted: bytes) -> Iterator[str]:
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        for line in file:
            if wanted in line:
                yield line.decode("utf-8", "replace").rstrip()


def _line(log: str, line: str, id: str) -> Line:
    """Its fields where it is JSON (`log_format`), else as it is."""
    try:
        said = json.loads(line)
        at = datetime.fromisoformat(said["timestamp"])
        level, event = str(said["level"]), str(said["event"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return Line(None, log, "", "", line[:LONGEST])
    rest = (f"{name}={_plain(value)}" for name, value in said.items() if _tells(name, value, id))
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Line(at, log, level, event, ", ".join(rest)[:LONGEST])


def _tells(name: str, value: Any, id: str) -> bool:
    return name not in ELSEWHERE and value not in (None, id)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
