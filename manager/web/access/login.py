"""The pages of the login: in with a token, out again."""

from __future__ import annotations

import logging
import re

from jinja2 import Environment, PackageLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from manager.web.access.access import Access, Visit
from manager.web.access.attempts import Attempts
from manager.web.access.guard import LOGIN
from manager.web.static import static

log = logging.getLogger(__name__)

LOGOUT = "/logout"
# A path of ours: with one slash first no browser takes it for another host.
_OURS = re.compile(r"/(?![/\\])[\x21-\x7e]*")


# own environment: these pages are there whichever else are served
_TEMPLATES = Environment(loader=PackageLoader("manager.web.access", "."), autoescape=True)
_TEMPLATES.globals["static"] = static


def page(
    access: Access, request: Request, after: str, why: str = "", status: int = 200
) -> Response:
    """The login. after: where it leads to. why: what was wrong with the last try."""
    visit: Visit = request.state.visit
    text = _TEMPLATES.get_template("login.html").render(
        csrf_token=visit.csrf_token,
        next=after,
        users=access.has_users,
        why=why,
    )
    return HTMLResponse(text, status)


def routes(access: Access, attempts: Attempts) -> list[Route]:
    """`GET` and `POST /login`, `POST /logout`."""

    async def show(request: Request) -> Response:
        after = _after(request.query_params.get("next", ""))
        if request.state.user is not None:
            return RedirectResponse(after, 303)
        if not access.has_users:
            return page(
                access, request, "/", "The proxy before this page names nobody who may enter.", 403
            )
        return page(access, request, after)

    async def enter(request: Request) -> Response:
        visit: Visit = request.state.visit
        if not access.has_users:
            raise HTTPException(404)
        form = await request.form()
        name, token = str(form.get("name", "")).strip(), str(form.get("token", "")).strip()
        after = _after(str(form.get("next", "")))
        attempts.check(request.state.address, name)
        user = access.user_of(token)
        if user is None or user.name != name:
            await attempts.failed(request.state.address, name)
            return page(access, request, after, "No user of this name has this token.", 403)
        attempts.succeeded(request.state.address, name)
        log.info("%s (%s) has logged in from %s", user.name, user.role, request.state.address)
        answer = RedirectResponse(after, 303)
        access.write(answer, request, access.enter(visit, user))
        return answer

    async def leave(request: Request) -> Response:
        answer = RedirectResponse(LOGIN if access.has_users else "/", 303)
        access.forget(answer, request)
        return answer

    return [
        Route(LOGIN, show),
        Route(LOGIN, enter, methods=["POST"]),
        Route(LOGOUT, leave, methods=["POST"]),
    ]


def _after(path: str) -> str:
    """Where to go from the login: a path of ours, whatever is asked for."""
    return path if _OURS.fullmatch(path) and not path.startswith((LOGIN, LOGOUT)) else "/"
