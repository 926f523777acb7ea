"""Guard: what stands behind it is for who has come in, and is changed by operators alone.

It goes by where a route stands, not by what the route says of itself: one that is forgotten is
guarded.
"""

from __future__ import annotations

import logging
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from manager.web.access.access import Access, Visit
from manager.web.access.attempts import Attempts
from manager.web.access.forged import SAFE, buffered, why_forged

log = logging.getLogger(__name__)

LOGIN = "/login"


class Guard:
    """Sets `request.state.user` and `.csrf_token`. strangers: let in who has not come in, too, and
    let a viewer send forms: for the pages of the login itself.
    """

    def __init__(
        self, app: ASGIApp, access: Access, attempts: Attempts, *, strangers: bool = False
    ) -> None:
        self._app = app
        self._access = access
        self._attempts = attempts
        self._strangers = strangers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        visit = await self._visit(request)
        scope["state"] |= {"visit": visit, "user": visit.user, "csrf_token": visit.csrf_token}
        if not self._strangers and (refusal := self._refusal(request, visit)):
            await refusal(scope, receive, send)
            return
        if request.method not in SAFE:
            receive = await buffered(request)
            await self._refuse_forged(Request(scope, await buffered(request)), visit)
        await self._app(scope, receive, self._with_cookie(request, visit, send))

    async def _visit(self, request: Request) -> Visit:
        address = request.state.address
        visit = await self._access.visit(request)
        if visit.by_token:
            self._attempts.check(address)
            if visit.user is None:
                await self._attempts.failed(address)
        return visit

    def _refusal(self, request: Request, visit: Visit) -> Response | None:
        if visit.user is None:
            wants_page = "text/html" in request.headers.get("accept", "")
            if request.method in ("GET", "HEAD") and wants_page and not visit.by_token:
                after = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"{LOGIN}?next={quote(after, safe='/')}", 303)
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        if request.method not in SAFE and not visit.user.may("operator"):
            raise HTTPException(403, "This needs the role operator.")
        return None

    async def _refuse_forged(self, request: Request, visit: Visit) -> None:
        why = await why_forged(request, visit)
        await request.close()
        if why:  # its path stays out of the log: there are some with tokens
            log.warning("refused a %s from %s: %s", request.method, request.state.address, why)
            raise HTTPException(403, f"This was not done: {why}.")

    def _with_cookie(self, request: Request, visit: Visit, send: Send) -> Send:
        """Gives the cookie of a fresh session with a page, whose forms may need it."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and visit.fresh and not visit.by_token:
                headers = {name.lower(): value for name, value in message["headers"]}
                is_page = headers.get(b"content-type", b"").startswith(b"text/html")
                if is_page and b"set-cookie" not in headers:
                    carrier = Response()
                    self._access.write(carrier, request, visit)
                    cookies = [it for it in carrier.raw_headers if it[0] == b"set-cookie"]
                    message = {**message, "headers": [*message["headers"], *cookies]}
            await send(message)

        return sending
