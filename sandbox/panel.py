"""The control routes under `/_sandbox`: record, jobs, settings, faults, clock, reset.

They need no API key and are never counted, limited or made to fail.
"""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox import rules
from sandbox.endpoints import COMPANY, ENDPOINTS
from sandbox.guard import refused
from sandbox.neighbour import submission_of
from sandbox.record import shown_job
from sandbox.rules import Refusal
from sandbox.vendor import Vendor

_Handler = Callable[[Request], Awaitable[Any]]
_Seconds = Annotated[float, Meta(ge=0, le=1e9)]


class Foreign(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A job of another tool: give its identifiers, or only how many.

    By default its identifier type is the endpoint's first (`domains` for companies), and its
    entity and action are the endpoint's.
    """

    endpoint: str = COMPANY.name
    identifier_type: str | None = None
    identifiers: list[Any] | str | None = None
    identifier_count: int = 1
    seconds: _Seconds = 60.0
    entity: str | None = None
    action: str | None = None


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """How far to move the clock."""

    advance: _Seconds


class Panel:
    """The handlers; each answers JSON, and 400 with the reason for what it can't do."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._account = vendor.account

    async def record(self, _: Request) -> Any:
        """What the sandbox was asked and billed."""
        return self._account.shown()

    async def job(self, request: Request) -> Any:
        """One job with its identifiers; of its webhook only the host, since its URL is secret."""
        job = self._account.jobs.get(request.path_params["batch_id"])
        if job is None:
            raise Refusal(404, "not_found", "No such batch job.")
        host = urlsplit(job.webhook_url).netloc.rpartition("@")[2] if job.webhook_url else None
        return {
            **shown_job(job, self._account.clock.now()),
            "identifiers": job.identifiers.values(),
            "webhook_host": host,
        }

    async def settings(self, _: Request) -> Any:
        """All settings; `credits` are those left now."""
        shown = msgspec.to_builtins(self._account.settings)
        return {**shown, "credits": self._account.credits_left}

    async def change_settings(self, request: Request) -> Any:
        """Change some settings."""
        self._account.change_settings(msgspec.json.decode(await request.body(), type=dict))
        return await self.settings(request)

    async def order_fault(self, request: Request) -> Any:
        """Order a fault."""
        return self._vendor.faults.order(msgspec.json.decode(await request.body(), type=dict))

    async def faults(self, _: Request) -> Any:
        """The faults that may still fire."""
        return {"faults": self._vendor.faults.shown()}

    async def clear_faults(self, request: Request) -> Any:
        """Remove all faults."""
        self._vendor.faults.clear()
        return await self.faults(request)

    async def end(self, request: Request) -> Any:
        """End an active job now, as it was to end, even if it was never to."""
        job = self._account.stop(request.path_params["batch_id"])
        return shown_job(job, self._account.clock.now())

    async def foreign(self, request: Request) -> Any:
        """Add a job that another tool submitted with the same key; 429 if the cap is reached."""
        asked = msgspec.json.decode(await request.body(), type=Foreign)
        endpoint = ENDPOINTS.get(asked.endpoint)
        if endpoint is None:
            raise ValueError(f"no endpoint is called {asked.endpoint!r}")
        default = "domains" if endpoint is COMPANY else next(iter(endpoint.identifier_types))
        identifier_type = asked.identifier_type or default
        rules.check_identifier_type(endpoint, identifier_type)
        submission = submission_of(endpoint, identifier_type, asked.identifier_count)
        if asked.identifiers is not None:
            values = rules.identifiers(endpoint, identifier_type, asked.identifiers)
            submission = dataclasses.replace(submission, identifiers=values)
        job = self._account.accept_foreign(
            submission,
            asked.seconds,
            now=self._account.clock.now(),
            entity=asked.entity,
            action=asked.action,
        )
        return shown_job(job, self._account.clock.now())

    async def clock(self, request: Request) -> Any:
        """Move the clock forward; what comes due on the way has ended when this answers."""
        self._account.advance(msgspec.json.decode(await request.body(), type=Advance).advance)
        return {"now": self._account.clock.now()}

    async def reset(self, _: Request) -> Any:
        """Clear everything."""
        self._vendor.reset()
        return {}

    def answering(self, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler with its answer as JSON, and with jobs settled before and after it."""

        async def endpoint(request: Request) -> Response:
            try:
                self._vendor.settle()
                answer = await handler(request)
                self._vendor.settle()
            except Refusal as refusal:
                return refused(refusal)
            except ValueError as error:  # msgspec's errors are ValueErrors too
                return refused(Refusal(400, "invalid_request", str(error)))
            return Response(msgspec.json.encode(answer), media_type="application/json")

        return endpoint


def routes(vendor: Vendor) -> list[BaseRoute]:
    """The control routes of that vendor."""
    panel = Panel(vendor)
    table: list[tuple[str, str, _Handler]] = [
        ("GET", "/record", panel.record),
        ("GET", "/jobs/{batch_id}", panel.job),
        ("POST", "/jobs/{batch_id}/end", panel.end),
        ("GET", "/settings", panel.settings),
        ("PATCH", "/settings", panel.change_settings),
        ("POST", "/faults", panel.order_fault),
        ("GET", "/faults", panel.faults),
        ("DELETE", "/faults", panel.clear_faults),
        ("POST", "/foreign", panel.foreign),
        ("POST", "/clock", panel.clock),
        ("POST", "/reset", panel.reset),
    ]
    return [
        Mount(
            "/_sandbox",
            routes=[
                Route(path, panel.answering(handler), methods=[method])
                for method, path, handler in table
            ],
        )
    ]
