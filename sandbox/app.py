"""The sandbox as one web application: the vendor's routes and the control routes."""

from email.utils import formatdate
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox import api, download, panel
from sandbox.account import Account
from sandbox.guard import refused
from sandbox.rules import Refusal
from sandbox.vendor import Vendor


def create_app(vendor: Vendor) -> Starlette:
    """The vendor's routes and the control routes as one application."""
    return Starlette(
        routes=[*panel.routes(vendor), *api.routes(vendor), *download.routes(vendor)],
        lifespan=vendor.lifespan,
        exception_handlers={HTTPException: _http_error},
        middleware=[Middleware(_Dated, account=vendor.account)],
    )


class _Dated:
    """Gives each answer the date by the vendor's clock; uvicorn would give the machine's."""

    def __init__(self, app: ASGIApp, account: Account) -> None:
        self._app = app
        self._account = account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = self._account.clock.now() + self._account.settings.clock_skew_seconds
                date = formatdate(now, usegmt=True).encode()
                message["headers"] = [(b"date", date), *message["headers"]]
            await send(message)

        await self._app(scope, receive, dated)


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(
        Refusal(error.status_code, HTTPStatus(error.status_code).name.lower(), error.detail)
    )
