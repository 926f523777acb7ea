"""The console: what goes on, what happened, and what can be done, as pages; see `page.Page`."""

from __future__ import annotations

from starlette.routing import BaseRoute

from manager.steps.context import Context
from manager.web.access.user import LOCAL
from manager.web.console import files, history, lists, notices, now, objects, search, stats
from manager.web.console.acts import Acts
from manager.web.console.kinds import SHOWN
from manager.web.console.page import Console
from manager.web.console.templates import environment

NAVIGATION = (
    ("/", "Now"),
    *((it.path, it.title) for it in SHOWN.values()),
    ("/history", "History"),
    (notices.PATH, "Notices"),
    (stats.PATH, "Stats"),
)
PAGES = (
    now.PAGE,
    search.PAGE,
    *lists.pages(),
    *objects.pages(),
    history.PAGE,
    *notices.PAGES,
    stats.PAGE,
)


def make(context: Context) -> Console:
    """The console of these settings."""
    templates = environment()
    templates.globals |= {"navigation": NAVIGATION, "local": LOCAL}
    return Console(context, templates)


def routes(console: Console) -> list[BaseRoute]:
    """Every page of the console, and its stream."""
    made: list[BaseRoute] = [*files.routes(console), *Acts(console).routes()]
    for page in PAGES:
        made += console.routes(page)
    return made
