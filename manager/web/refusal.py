"""What is refused, or not there: a page for who reads pages, else a line of text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from manager.web.access import login
from manager.web.access.access import Access
from manager.web.access.guard import LOGIN
from manager.web.console.page import Console

TITLES = {403: "Not allowed", 404: "Not found", 405: "Not done", 429: "Too much at once"}


def refusing(
    pages: Console | None, access: Access | None
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answers an HTTPException. pages, access: None where these are not served."""

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # registered for these alone
        status, why = error.status_code, str(error.detail)
        if status == 405:
            allowed = (error.headers or {}).get("Allow", "GET")
            why = f"{request.method} is not answered here; {allowed} is."
        if "text/html" not in request.headers.get("accept", "") or status < 400:
            answer: Response = PlainTextResponse(why, status)
        elif pages is not None and getattr(request.state, "user", None) is not None:
            if status == 404:
                why = f"There is no page {request.url.path[:200]}."
            title = TITLES.get(status, "Not done")
            answer = await run_in_threadpool(pages.refused, request, title, why, status)
        elif access is not None and request.url.path == LOGIN and hasattr(request.state, "visit"):
            answer = login.page(access, request, "/", why, status)
        else:
            answer = PlainTextResponse(why, status)
        answer.headers.update(error.headers or {})
        return answer

    return refuse
