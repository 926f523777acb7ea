"""*History*: what operators have done, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manager.errors import InvalidRequestError
from manager.operator.actions import ACTIONS
from manager.operator.audit import last
from manager.web.console.asked import Asked
from manager.web.console.kinds import SHOWN
from manager.web.console.page import Page
from manager.web.console.source import Source
from manager.web.console.templates import url

ROWS = 50
LARGEST = 2**63 - 1


def values(source: Source, asked: Asked) -> Mapping[str, Any]:
    """A page of it, the last first."""
    before = _before(asked.one("before"))
    with source.context.ledger.connect() as connection:
        found = last(connection, before, ROWS + 1)
    shown = found[:ROWS]
    return {
        "title": "History",
        "acts": shown,
        "labels": {it.name: it.label for it in ACTIONS.values()},
        "paths": {shown.kind: shown.path for shown in SHOWN.values()},
        "first": "/history" if before else None,
        "following": url("/history", before=shown[-1].id) if len(found) > ROWS else None,
    }


def _before(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) <= LARGEST):
        raise InvalidRequestError(f"before: {text[:80]!r} is not where a page has ended.")
    return int(text)


PAGE = Page("/history", "history.html", values)
