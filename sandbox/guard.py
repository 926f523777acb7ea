"""What stands around each of the vendor's routes: faults on the wire, the API key, the limits."""

import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from sandbox import wire
from sandbox.faults import WIRE
from sandbox.rules import Refusal
from sandbox.settings import Route
from sandbox.vendor import Vendor

Handler = Callable[[Request], Awaitable[Response]]


class Guard:
    """Wraps handlers."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._account = vendor.account

    def faulty(self, route: Route, handler: Handler) -> Callable[[Request], Awaitable[ASGIApp]]:
        """The handler with the wire faults of its route around it, and its calls counted."""

        async def endpoint(request: Request) -> ASGIApp:
            await request.body()  # a reset must not meet a client that is still sending
            fault = self._vendor.faults.take(route, WIRE)
            if fault and fault.kind == "delay":
                await wire.unless_closing(self._account.clock.sleep(fault.seconds), request.scope)
            response = await handler(request) if not fault or fault.carries_out else None
            answer = wire.disguise(fault, response) if fault else response
            assert answer is not None
            self._account.called(route, wire.outcome(fault, answer))
            return answer

        return endpoint

    def api(self, route: Route, handler: Handler) -> Callable[[Request], Awaitable[ASGIApp]]:
        """The handler behind the API key and the rate limit, its refusals as JSON."""

        async def guarded(request: Request) -> Response:
            limit = self._account.settings.limit(route)
            try:
                self._authorize(request)
                self._vendor.limits.take(route, limit, told=self._account.settings.limit_headers)
                self._vendor.settle()
                response = await handler(request)
            except Refusal as refusal:
                response = refused(refusal)
            if self._account.settings.limit_headers:
                response.headers.update(self._vendor.limits.headers(route, limit))
            return response

        return self.faulty(route, guarded)

    def _authorize(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._vendor.authorization):
            raise Refusal(401, "unauthorized", "The API key is missing or not valid.")


def refused(refusal: Refusal) -> Response:
    """A refusal as the vendor's error body."""
    return JSONResponse(refusal.body(), refusal.status, refusal.headers)
