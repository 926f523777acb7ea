"""Health: whether the process lives, whether it can serve, and what `enrichd status` says."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from manager.ledger import revision
from manager.operator.status import status
from manager.operator.trouble import TROUBLE, named
from manager.steps.context import Context
from manager.web.shared import Shared

log = logging.getLogger(__name__)

# Seconds that an answer of /readyz is kept, and that one waits for it.
KEEP, PATIENCE = 1.0, 3.0


def routes(context: Context) -> list[Route]:
    """`/healthz`, which asks nobody, and `/readyz`: for probes, without a login."""
    asked = Shared(lambda: _troubles(context), KEEP)
    told: dict[str, str] = {}

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        try:
            troubles = await asked.get(PATIENCE)
        except TimeoutError:
            troubles = {"ledger or redis": f"no answer within {PATIENCE:g} s"}
        if troubles != told:  # why is for the log: who probes has not logged in
            told.clear()
            told.update(troubles)
            log.log(
                logging.WARNING if troubles else logging.INFO,
                "; ".join(f"not ready: {it}" for it in troubles.values()) or "ready",
            )
        missing = ", ".join(troubles)
        return PlainTextResponse(
            f"not ready: {missing}\n" if missing else "ready\n", 503 if missing else 200
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def status_routes(context: Context) -> list[Route]:
    """`/health`: `enrichd status` as JSON; 503 when the daemon cannot work."""
    asked = Shared(lambda: status(context))

    async def health(_: Request) -> Response:
        found = await asked.get()
        return JSONResponse(found.as_dict(), 200 if found.ok else 503)

    return [Route("/health", health)]


def _troubles(context: Context) -> dict[str, str]:
    """What keeps this process from serving, by what is to be mended."""
    found = {}
    try:
        with context.ledger.connect() as connection:
            revision.check(connection, context.settings.database_schema)
    except TROUBLE as error:
        found["ledger"] = str(named(error))
    try:
        context.redis.ping()
    except TROUBLE as error:
        found["redis"] = str(named(error))
    return found
