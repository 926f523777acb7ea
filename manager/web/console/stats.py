"""*Stats*: what was bought, by day, lane, account, tag or metadata; and how budgets stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manager.operator import budgets, stats
from manager.operator.accounts import known_names
from manager.operator.chosen import choose
from manager.web.console.asked import Asked
from manager.web.console.filters import HINTS, Field
from manager.web.console.page import Elsewhere, Page
from manager.web.console.source import Source
from manager.web.console.templates import url

PATH = "/stats"
ASKED = ("by", "since", "until", "account", "tag", "metadata")


def values(source: Source, asked: Asked) -> Mapping[str, Any]:
    """The groups, the newest period first, and all budgets."""
    given = asked.given("form")
    given = {name: given.get(name, "") for name in ASKED}
    if asked.one("form"):
        raise Elsewhere(url(PATH, **given))
    by = tuple(given["by"].split(",")) if given["by"] else ("day",)
    times = {name: given[name] for name in ("since", "until")}
    moments = choose("lane", times).parameters  # reads spans and days as every filter does
    with source.context.ledger.connect() as connection:
        groups = stats.read(
            connection,
            source.context.settings,
            by=by,
            since=moments["since"],
            until=moments["until"],
            account=given["account"] or None,
            tag=given["tag"] or None,
            metadata=given["metadata"] or None,
        )
        listed = budgets.read(connection)
        accounts = known_names(connection)
    return {
        "title": "Stats",
        "groups": groups[::-1] if {"day", "month"} & set(by) else groups,
        "by": [name for name in _dimensions(by, given["metadata"]) if name],
        "budgets": listed,
        "fields": [
            Field("by", ",".join(by), "what is told apart", stats.DIMENSIONS, several=True),
            Field("since", given["since"], "not before; else 30 days ago", hint=HINTS["since"]),
            Field("until", given["until"], "before", hint=HINTS["until"]),
            Field("account", given["account"], "the account's name", accounts),
            Field("tag", given["tag"], "the requests' tag"),
            Field("metadata", given["metadata"], "a key of requests' metadata", hint="team"),
        ],
    }


def _dimensions(by: tuple[str, ...], metadata: str) -> list[str]:
    """The attributes of a group that are told, in the order of its class."""
    period = "period" if {"day", "month"} & set(by) else ""
    named = [name for name in ("account", "endpoint", "lane", "tag") if name in by]
    return [period, *named, "metadata" if metadata else ""]


PAGE = Page(PATH, "stats.html", values)
