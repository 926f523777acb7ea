"""Users, and what their roles allow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from manager.settings.web import Role

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class User:
    """Who has come in; `request.state.user`, None on the few pages that everybody may see."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether what needs this role is allowed."""
        return role == "viewer" or self.role == "operator"


# Where nobody logs in.
LOCAL = User("local", "operator")


def requires(role: Role) -> Callable[[Endpoint], Endpoint]:
    """Let an endpoint be for this role alone: 403 for others.

    What is behind the login needs a viewer anyway, and what changes something an operator, see
    `Guard`; this is for what is to be read by operators alone.
    """

    def decorate(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def checked(request: Request) -> Response:
            user: User | None = request.state.user
            if user is None or not user.may(role):
                raise HTTPException(403, f"This needs the role {role}.")
            return await endpoint(request)

        return checked

    return decorate
