"""*Search*: what happened to an identifier, and what else a word names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manager.operator.search import search
from manager.web.console.asked import Asked
from manager.web.console.page import Page
from manager.web.console.source import Source
from manager.web.console.templates import url

PATHS = {
    "request": "/requests",
    "job": "/jobs",
    "enrichment": "/enrichments",
    "stray": "/strays",
    "lane": "/lanes",
    "account": "/accounts",
}


def values(source: Source, asked: Asked) -> Mapping[str, Any]:
    """What the word names."""
    word = asked.one("q").strip()
    found = None
    if word:
        with source.context.ledger.connect() as connection:
            found = search(connection, word)
    return {"title": f"Search: {word[:60]}" if word else "Search", "found": found, "to": _to}


def _to(hit: Any) -> str:
    """The page of what was found."""
    if hit.kind == "vendor_job":
        return url("/vendor-jobs", hit.account, hit.id)
    return url(PATHS[hit.kind], hit.id)


PAGE = Page("/search", "search.html", values)
