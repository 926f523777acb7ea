"""The web application.

The receiver trusts nothing that a webhook says. The token in its path, which only the vendor
was told, is compared as a hash; a right one makes the daemon look at the vendor, no more.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from manager.ledger.execute import execute, first
from manager.ledger.sql import Statements
from manager.operator.probe import PROOF, UNKNOWN, probe_path, proof
from manager.operator.status import TROUBLE, Status, named, status
from manager.steps.attempt import hash_token
from manager.steps.context import Context
from manager.web.page import render
from manager.web.rows import AccountRows, account_rows

log = logging.getLogger(__name__)

SQL = Statements("webhook")
MAX_BODY = 65_536
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """A webhook's account; news: whether the job's end was not known."""

    account: str
    news: bool


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

    async def probe(request: Request) -> Response:
        answer = await run_in_threadpool(_prove, context, request.path_params["nonce"])
        return Response(status_code=204, headers={PROOF: answer})

    return Starlette(
        routes=[
            Route("/", page),
            Route("/health", health),
            Route(probe_path("{nonce}"), probe, methods=["POST"]),
            Route("/webhooks/{job_id:uuid}/{token}", webhook, methods=["POST"]),
        ]
    )


def _hint(context: Context, job_id: UUID, token: str) -> int:
    """Look at the vendor at once if the token is the job's own; the HTTP status of the answer."""
    parameters = {"job_id": job_id, "token_hash": hash_token(token)}
    try:
        with context.ledger.connect() as connection:
            heard = first(connection, SQL.heard, Heard, parameters)
            if heard is None:
                return 404
            if heard.news:
                execute(connection, SQL.look_now, {"account": heard.account})
                execute(connection, SQL.wake, {"account": heard.account})
    except TROUBLE as error:
        log.warning("webhook for job %s not taken: %s", job_id, named(error))
        return 503
    return 204


def _prove(context: Context, nonce: str) -> str:
    """The proof that this process works on its ledger, for `enrichd doctor`."""
    try:
        return proof(context.ledger_id, nonce)
    except TROUBLE as error:
        log.warning("probe not answered: %s", named(error))
        return UNKNOWN


def _page(context: Context) -> str:
    found = status(context)
    return render(found, _listed(context, found))


def _listed(context: Context, found: Status) -> dict[str, AccountRows] | None:
    try:
        with context.ledger.connect() as connection:
            names = [account.account for account in found.accounts]
            return {name: account_rows(connection, name) for name in names}
    except TROUBLE:
        return None  # the status says why
