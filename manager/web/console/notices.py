"""*Notices*: who was told what, who is still to be, and what kept it from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manager.errors import InvalidRequestError
from manager.ledger.states import NoticeState
from manager.operator import notices
from manager.operator.accounts import known_names
from manager.targets import EVENTS
from manager.web.console.acts import on_one
from manager.web.console.asked import Asked
from manager.web.console.filters import Field
from manager.web.console.page import Elsewhere, Page
from manager.web.console.source import Source
from manager.web.console.templates import url

PATH = "/notices"
ROWS = 50
LARGEST = 2**63 - 1
FILTERS = ("state", "event", "account")


def listed(source: Source, asked: Asked) -> Mapping[str, Any]:
    """The newest notices, and the targets in trouble."""
    given = {name: asked.one(name) for name in FILTERS}
    if asked.one("form"):
        raise Elsewhere(url(PATH, **given))
    before = _position(asked.one("before"))
    with source.context.ledger.connect() as connection:
        wanted: dict[str, Any] = {name: value or None for name, value in given.items()}
        found = notices.listed(connection, **wanted, before=before, limit=ROWS + 1)
        targets = notices.targets(connection)
        accounts = known_names(connection)
    shown = found[:ROWS]
    more = len(found) > ROWS
    return {
        "title": "Notices",
        "notices": shown,
        "targets": [(it, on_one("target", it.id) if asked.operator else ()) for it in targets],
        "given": {name: value for name, value in given.items() if value},
        "fields": [
            Field("state", given["state"], "", tuple(NoticeState)),
            Field("event", given["event"], "", EVENTS),
            Field("account", given["account"], "", accounts),
        ],
        "first": url(PATH, **given) if before is not None else None,
        "following": url(PATH, **given, before=shown[-1].position) if more else None,
    }


def one(source: Source, asked: Asked) -> Mapping[str, Any]:
    """A notice: what it says, and each try."""
    with source.context.ledger.connect() as connection:
        found = notices.find(connection, asked.named["id"])
        if str(found.id) != asked.named["id"]:
            raise Elsewhere(url(PATH, found.id))
        tries = notices.attempts(connection, found.id)
        payload = notices.payload(connection, found.id)
    return {
        "title": f"Notice {found.id}",
        "it": found,
        "tries": tries,
        "payload": payload,
        "acts": on_one("notice", found.id, found.state) if asked.operator else (),
    }


def _position(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) <= LARGEST):
        raise InvalidRequestError(f"before: {text[:80]!r} is not where a page has ended.")
    return int(text)


PAGES = (Page(PATH, "notices.html", listed), Page(PATH + "/{id}", "notice.html", one))
