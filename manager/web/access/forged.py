"""Requests that another site makes a user's browser send (CSRF)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Message, Receive

from manager.web.access.access import Visit

SAFE = {"GET", "HEAD", "OPTIONS"}
FIELD = "csrf_token"
HEADER = "x-csrf-token"


async def why_forged(request: Request, visit: Visit) -> str | None:
    """Why the request is not one of our own pages'; None when it is.

    request: whose body can be read again.
    """
    if visit.by_token or request.method in SAFE:
        return None
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return f"it comes from another site (Sec-Fetch-Site: {site[:20]})"
    origin = request.headers.get("origin")
    if site is None and origin is not None and origin.partition("://")[2] != request.url.netloc:
        return (
            f"it comes from another site (Origin: {origin[:100]}), or a proxy does not pass Host "
            "as it is"
        )
    given = request.headers.get(HEADER) or (await request.form()).get(FIELD, "")
    if not visit.sessions.is_csrf_token(visit.session, str(given)):
        return "its csrf_token is not the session's: load the page again"
    return None


async def buffered(request: Request) -> Receive:
    """Read the body, which is limited, and give it to who asks next, any number of times."""
    body = await request.body()
    told = False

    async def receive() -> Message:
        nonlocal told
        if told:
            return await request.receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
