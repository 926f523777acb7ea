"""The receiver of the vendor's webhooks.

It trusts nothing that a webhook says. The token in its path, which only the vendor was told, shows
that we have asked for it; a right one makes the daemon look at the vendor, no more. What is not
ours is refused without asking Postgres.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from uuid import UUID

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router

from manager.ledger.execute import execute, first
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.operator.probe import PROOF, UNKNOWN, is_nonce, probe_path, proof
from manager.operator.trouble import TROUBLE, named
from manager.steps.context import Context
from manager.steps.webhook_token import hash_token, is_of_former_shape, is_token, webhook_key
from manager.web.ledger_id import LedgerId

log = get_logger(__name__)

SQL = Statements("webhook")
PREFIX = "/webhooks"
MAX_BODY = 65_536
# Sessions of Postgres that webhooks have open at once.
AT_ONCE = 4
# Tokens of an earlier release's shape: so many at once, and a second.
FORMER_BURST, FORMER_RATE = 20, 2.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A webhook's account; news: whether the job's end was not known."""

    account: str
    news: bool


class Allowance:
    """How many may pass: `burst` at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst = burst
        self._rate = rate
        self._left = burst
        self._at = monotonic()

    def take(self) -> bool:
        """Whether one more may."""
        now = monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def routes(context: Context, ledger_id: LedgerId) -> list[Mount]:
    """`POST /webhooks/JOB/TOKEN`, and the probe of `enrichd doctor`."""
    former = Allowance(FORMER_BURST, FORMER_RATE)
    at_once = anyio.CapacityLimiter(AT_ONCE)

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
        id_ = await ledger_id.get()
        if id_ is None:
            log.warning("webhook.not_taken", job=job_id, error="the ledger cannot be asked")
            return Response(status_code=503)
        if not is_token(webhook_key(id_), job_id, token):
            if not is_of_former_shape(token):
                return Response(status_code=404)
            if not former.take():
                return Response(status_code=429, headers={"Retry-After": "10"})
        status = await anyio.to_thread.run_sync(_hint, context, job_id, token, limiter=at_once)
        return Response(status_code=status)

    async def probe(request: Request) -> Response:
        nonce = request.path_params["nonce"]
        if not is_nonce(nonce):
            return Response(status_code=404)
        id_ = await ledger_id.get()
        return Response(status_code=204, headers={PROOF: proof(id_, nonce) if id_ else UNKNOWN})

    received = [
        Route(probe_path("{nonce}").removeprefix(PREFIX), probe, methods=["POST"]),
        Route("/{job_id:uuid}/{token}", webhook, methods=["POST"]),
    ]
    # all that is below it is its own: no other route sees a token
    return [Mount(PREFIX, Router(received, redirect_slashes=False))]


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
        log.warning("webhook.not_taken", job=job_id, error=named(error))
        return 503
    return 204
