"""The web application: which routes there are, and what stands before them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Router

from manager.steps.context import Context
from manager.web import console, health, metrics, static, webhook
from manager.web.access import login
from manager.web.access.access import Access
from manager.web.access.attempts import Attempts
from manager.web.access.guard import Guard
from manager.web.access.hosts import Hosts
from manager.web.access.keys import Keys
from manager.web.access.proxies import Proxies
from manager.web.body import BodyLimit
from manager.web.console.page import Console
from manager.web.headers import SafeHeaders
from manager.web.ledger_id import LedgerId
from manager.web.parts import PARTS, Part
from manager.web.refusal import refusing


def make_app(
    context: Context, parts: Sequence[Part] = PARTS, also: Sequence[BaseRoute] = ()
) -> Starlette:
    """The application for these settings; /healthz and /readyz are there whatever the parts.

    also: routes beside those of the console, for who has come in.
    """
    settings = context.settings
    ledger_id = LedgerId(context)
    pages = console.make(context) if "console" in parts else None
    access: Access | None = None
    routes: list[BaseRoute] = [*health.routes(context)]
    if "webhooks" in parts:
        routes += webhook.routes(context, ledger_id)
    if "console" in parts or "metrics" in parts:
        access = Access(settings, Keys(settings, ledger_id))
        attempts = Attempts(context, ledger_id)
        if pages is not None:
            routes += static.routes()
            for route in login.routes(access, attempts):
                route.app = Guard(route.app, access, attempts, strangers=True)
                routes.append(route)
        guarded = Router([*_guarded(context, pages, parts), *also], redirect_slashes=False)
        routes.append(Mount("", Guard(guarded, access, attempts)))
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(SafeHeaders),
            Middleware(Hosts, settings=settings),
            Middleware(Proxies, settings=settings),
            Middleware(BodyLimit),
        ],
        exception_handlers={
            HTTPException: refusing(pages, access),
            ClientDisconnect: _gone,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False  # it would lead to whatever host the request names
    return app


def _guarded(context: Context, pages: Console | None, parts: Sequence[Part]) -> list[BaseRoute]:
    """What is for who has come in."""
    routes: list[BaseRoute] = []
    if pages is not None:
        routes += [*console.routes(pages), *health.status_routes(context)]
    if "metrics" in parts:
        routes += metrics.routes(context)
    return routes


async def _failed(_: Request, error: Exception) -> Response:
    """An error of ours: the log has it, who asked need not know more."""
    return PlainTextResponse("Something went wrong here; the log says what.\n", 500)


async def _gone(_: Request, error: Exception) -> Response:
    """Nobody reads it: who asked has gone in the middle of the request, which is no error."""
    return Response(status_code=400)
