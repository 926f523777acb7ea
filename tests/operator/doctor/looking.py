"""Looking at one area, and telling its findings apart."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from manager import Settings
from manager.operator.doctor import Area, Finding, examine
from manager.settings.origins import Reading


def look(settings: Settings, area: Area, *, account: str | None = None) -> list[Finding]:
    """What is found of the area with these settings."""
    return list(examine(Reading(settings, {}, []), [area], account).findings)


def only(found: Sequence[Finding], subject: str) -> Finding:
    """The one finding about that."""
    [finding] = [it for it in found if it.subject == subject]
    return finding


def troubles(found: Sequence[Finding]) -> list[tuple[str, str]]:
    """Level and subject of all that is not as it should be."""
    return [(it.level, it.subject) for it in found if it.level != "ok"]


@contextmanager
def hanging_port() -> Iterator[int]:
    """A port of this machine that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
