"""A page: a template and what fills it, as HTML and as a stream of its live fragments."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from manager.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError
from manager.operator.trouble import TROUBLE, named
from manager.steps.context import Context
from manager.web.access.user import User
from manager.web.console.asked import Asked
from manager.web.console.hub import Hub, Stream
from manager.web.console.source import Source
from manager.web.console.templates import fragments
from manager.web.streams import EVENTS, UNBUFFERED, answer

log = logging.getLogger(__name__)

LIVE_PATH = "/live"
RETRY_AFTER = 3_000  # milliseconds until a browser connects again


class Elsewhere(Exception):
    """What is asked for is at another URL."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


Values = Callable[[Source, Asked], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the console. live: its blocks `live_…` are renewed while somebody looks."""

    path: str
    template: str
    values: Values
    live: bool = True


class Console:
    """What all pages share: what they are made from, the templates, and the hub."""

    def __init__(self, context: Context, templates: Environment) -> None:
        self.source = Source(context)
        self.templates = templates
        self.hub = Hub()

    def routes(self, page: Page) -> list[BaseRoute]:
        """Where the page is served, and its stream."""

        async def show(request: Request) -> Response:
            asked = Asked.by(request, is_operator(request))
            return await run_in_threadpool(self._show, request, page, asked)

        async def stream(request: Request) -> Response:
            asked = Asked.by(request, is_operator(request), under=LIVE_PATH)
            try:
                following = self.hub.join(asked, lambda: self._fragments(page, asked))
            except UnavailableError as error:
                return Response(str(error), 503, {"Retry-After": "60"})
            events = StreamingResponse(_events(following), 200, UNBUFFERED, EVENTS)
            return answer(request, events)

        made: list[BaseRoute] = [Route(page.path, show)]
        if page.live:
            made.append(Route(f"{LIVE_PATH}{page.path}", stream))
        return made

    def respond(
        self, request: Request, template: str, values: Mapping[str, Any], status: int = 200
    ) -> Response:
        """A page made of that template."""
        shared = {
            "path": request.url.path,
            "query": request.query_params.get("q", "") if request.url.path == "/search" else "",
            "standing": self.source.status(),
            "rendered_at": datetime.now(UTC),
            "trouble": None,
            "stream": None,
            **self._asker(request),
        }
        html = self.templates.get_template(template).render(shared | dict(values))
        return HTMLResponse(html, status)

    def refuse(self, request: Request, error: Exception) -> Response:
        """The page that says what is wrong. Raises the error again if it is none of ours."""
        if not isinstance(error, TROUBLE):
            raise error
        told = named(error)
        match told:
            case InvalidRequestError():
                title, status = "This cannot be shown", 400
            case NotFoundError():
                title, status = "Not found", 404
            case ConflictError():
                title, status = "Not done", 409
            case _:
                title, status = "Not to be had now", 503
        return self.refused(request, title, str(told), status)

    def refused(self, request: Request, title: str, message: str, status: int) -> Response:
        """The page that says so."""
        values = {"title": title, "message": message, "status": status}
        return self.respond(request, "refused.html", values, status)

    def _asker(self, request: Request) -> dict[str, Any]:
        return {
            "user": request.state.user,
            "csrf_token": request.state.csrf_token,
            "may_operate": is_operator(request),
        }

    def _show(self, request: Request, page: Page, asked: Asked) -> Response:
        try:
            values = page.values(self.source, asked)
        except Elsewhere as elsewhere:
            return RedirectResponse(elsewhere.url, 303)
        except TROUBLE as error:
            return self.refuse(request, error)
        stream = f"{LIVE_PATH}{asked.url}" if page.live else None
        return self.respond(request, page.template, {"stream": stream, "asked": asked, **values})

    def _fragments(self, page: Page, asked: Asked) -> Mapping[str, str]:
        """Each fragment by the id of the element that it fills; without the ledger, the trouble."""
        trouble, made = None, {}
        try:
            values = {"asked": asked, "may_operate": asked.operator}
            values |= page.values(self.source, asked)
            made = fragments(self.templates.get_template(page.template), values)
        except TROUBLE as error:
            trouble = str(named(error))
        shared = {"standing": self.source.status(), "trouble": trouble, "at": datetime.now(UTC)}
        return made | fragments(self.templates.get_template("frame.html"), shared)


def is_operator(request: Request) -> bool:
    """Whether who asks may change anything."""
    user: User = request.state.user
    return user.may("operator")


async def _events(following: Stream) -> AsyncIterator[str]:
    yield f"retry: {RETRY_AFTER}\n\n"
    async with aclosing(following):
        async for changed in following:
            yield f"data: {json.dumps(changed)}\n\n" if changed else ": still there\n\n"
