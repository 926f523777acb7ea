"""The lists: what a filter chooses, a page at a time, under a URL that can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from manager.operator.accounts import known_names
from manager.operator.chosen import Chosen, choose
from manager.operator.listing import CONTENT_TYPES, default, page, possible
from manager.web.console.acts import on_all
from manager.web.console.asked import Asked
from manager.web.console.filters import form, typed
from manager.web.console.kinds import SHOWN, Shown
from manager.web.console.page import Elsewhere, Page
from manager.web.console.source import Source

ROWS = 50
# What a list's URL says besides the filter.
BESIDES = ("sort", "after", "form")


def pages() -> list[Page]:
    """A page for each kind."""
    return [Page(shown.path, "list.html", _Listed(shown)) for shown in SHOWN.values()]


class _Listed:
    """What the list of a kind shows."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def __call__(self, source: Source, asked: Asked) -> Mapping[str, Any]:
        shown = self._shown
        chosen = chosen_by(shown, asked)
        sort, after = asked.one("sort") or None, asked.one("after") or None
        sorts = possible(chosen)
        if asked.one("form"):  # its sort may be one that only what was chosen before could have
            raise Elsewhere(_url(shown, chosen, sort if sort in sorts else None))
        with source.context.ledger.connect() as connection:
            found = page(connection, chosen, sort, after, ROWS)
            accounts = known_names(connection)
        following = found.next and _url(shown, chosen, sort, after=found.next)
        return {
            "title": shown.title,
            "acts": on_all(chosen) if asked.operator else [],
            "shown": shown,
            "chosen": chosen,
            "fields": form(chosen, accounts),
            "rows": found.rows,
            "sort": sort or default(chosen),
            "sorts": {name: _url(shown, chosen, name) for name in sorts},
            "first": _url(shown, chosen, sort) if after else None,
            "following": following,
            "exports": {
                name: _url(shown, chosen, sort, f"{shown.path}/export.{name}")
                for name in CONTENT_TYPES
            },
        }


def chosen_by(shown: Shown, asked: Asked) -> Chosen:
    """What a list's URL chooses. Raises InvalidRequestError."""
    return choose(shown.kind, typed(asked.given(*BESIDES)))


def _url(
    shown: Shown, chosen: Chosen, sort: str | None, path: str | None = None, **besides: str
) -> str:
    """The URL of the list of what is chosen, or of another path for the same."""
    query = dict(chosen.given)
    if sort is not None and sort != default(chosen):
        query["sort"] = sort
    query |= besides
    return f"{path or shown.path}?{urlencode(query)}" if query else path or shown.path
