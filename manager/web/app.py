"""The web application.

The receiver trusts nothing that a webhook says. The token in its path, which only the vendor
was told, is compared as a hash; a right one makes the job due for a poll, no more.
"""

from __future__ import annotations

import logging
from uuid import UUID

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from manager.ledger.connect import first, rows
from manager.ledger.sql import Statements
from manager.operator.status import TROUBLE, named, status
from manager.steps.context import Context
from manager.steps.submit import hash_token
from manager.web.page import Ledger, render

log = logging.getLogger(__name__)

POLL = Statements("poll")
OPERATOR = Statements("operator")
MAX_BODY = 65_536
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def make_app(context: Context) -> Starlette:
    """The application for these settings."""

    async def page(_: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(_page, context), headers=HEADERS)

    async def health(_: Request) -> Response:
        found = await run_in_threadpool(status, context)
        return JSONResponse(found.as_dict(), 200 if found.ok else 503, headers=HEADERS)

    async def webhook(request: Request) -> Response:
        try:
            received = 0
            async for chunk in request.stream():  # read, never believed
                received += len(chunk)
                if received > MAX_BODY:
                    return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        job_id, token = request.path_params["job_id"], request.path_params["token"]
        return Response(status_code=await run_in_threadpool(_hint, context, job_id, token))

    return Starlette(
        routes=[
            Route("/", page),
            Route("/health", health),
            Route("/webhooks/{job_id:uuid}/{token}", webhook, methods=["POST"]),
        ]
    )


def _hint(context: Context, job_id: UUID, token: str) -> int:
    """Poll the job at once if the token is its own; the HTTP status of the answer."""
    parameters = {"job_id": job_id, "token_hash": hash_token(token)}
    try:
        with context.ledger.connect() as connection:
            if first(connection, POLL.poll_now, parameters) is None:
                return 404
            connection.execute(POLL.wake)
    except TROUBLE as error:
        log.warning("webhook for job %s not taken: %s", job_id, named(error))
        return 503
    return 204


def _page(context: Context) -> str:
    return render(status(context), _ledger(context))


def _ledger(context: Context) -> Ledger | None:
    try:
        with context.ledger.connect() as connection:
            parameters = {"account_id": context.account(connection).id}
            return Ledger(
                slots=rows(connection, OPERATOR.slots, parameters),
                jobs=rows(connection, OPERATOR.last_jobs, parameters),
                requests=rows(connection, OPERATOR.last_requests, parameters),
            )
    except TROUBLE:
        return None  # the status says why
