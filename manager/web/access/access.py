"""Access: who a request is from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from manager.settings import Settings
from manager.settings.web import ANYBODY, Role
from manager.web.access import sessions, tokens
from manager.web.access.keys import Keys
from manager.web.access.sessions import COOKIE, Session, Sessions
from manager.web.access.user import LOCAL, User

Mode = Literal["open", "login"]

# What a session of a user of a proxy has before the name; no user of ours has a colon in it.
PROXIED = "proxy:"
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Visit:
    """A request's user, None when nobody has come in, and its session.

    by_token: whether it carries the token itself. Then no browser has sent it of its own accord,
    and it has no session. fresh: whether the browser does not have the session's cookie yet.
    """

    user: User | None
    session: Session
    sessions: Sessions
    by_token: bool = False
    fresh: bool = False

    @property
    def csrf_token(self) -> str:
        """What the forms of this session carry."""
        return self.sessions.csrf_token(self.session)


class Access:
    """Who may come in: everybody, users with tokens, those whom a proxy names."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys

    @property
    def mode(self) -> Mode:
        """Whether anybody has to log in."""
        settings = self._settings
        return "login" if settings.web_users or settings.web_proxy_header else "open"

    @property
    def has_users(self) -> bool:
        """Whether somebody can log in here, with a token."""
        return bool(self._settings.web_users)

    async def visit(self, request: Request) -> Visit:
        """Who it is. A token goes over what a proxy says, and that over a cookie."""
        known = await self._keys.sessions()
        if self.mode == "login" and (token := bearer(request)) is not None:
            return Visit(self.user_of(token), sessions.new(), known, by_token=True)
        proxied = self._proxied(request)
        expected = f"{PROXIED}{proxied.name}" if proxied else None
        found = self._session(request, known, expected)
        user = proxied or (self._users.get(found.user) if found else None)
        if self.mode == "open":
            user = LOCAL
        session = found or sessions.new(expected or "")
        return Visit(user, session, known, fresh=found is None)

    def user_of(self, token: str) -> User | None:
        """Whose token it is."""
        name = tokens.whose(token, self._hashes)
        return self._users[name] if name else None

    def enter(self, visit: Visit, user: User) -> Visit:
        """The visit with a new session, which is the user's."""
        return replace(visit, user=user, session=sessions.new(user.name))

    def write(self, response: Response, request: Request, visit: Visit) -> None:
        """Give the browser the session's cookie."""
        value = visit.sessions.write(visit.session, self._hashes.get(visit.session.user, ""))
        self._set(response, request, value, int(self._settings.web_session_hours * 3600))

    def forget(self, response: Response, request: Request) -> None:
        """Take the session's cookie from the browser."""
        self._set(response, request, "", 0)

    def _set(self, response: Response, request: Request, value: str, seconds: int) -> None:
        response.set_cookie(
            _cookie(request),
            value,
            max_age=seconds,
            path="/",
            secure=_is_https(request),
            httponly=True,
            samesite="lax",
        )

    def _session(self, request: Request, known: Sessions, expected: str | None) -> Session | None:
        """The session of the request's cookie, when it is whole and its user is still let in.

        expected: whose it must be, when a proxy says who it is.
        """
        read = known.read(request.cookies.get(_cookie(request), ""))
        if read is None:
            return None
        session, bound = read
        if session.user != expected if expected else session.user not in ("", *self._hashes):
            return None
        token_hash = self._hashes.get(session.user, "")
        return session if sessions.is_bound(session, bound, token_hash) else None

    def _proxied(self, request: Request) -> User | None:
        name = (request.state.proxied or "")[:LONGEST_NAME]
        roles = self._settings.web_proxy_roles
        role = roles.get(name, roles.get(ANYBODY))
        return User(name, role) if name and name != ANYBODY and role else None

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {name: hash_ for name, (_, hash_) in self._given.items()}

    @cached_property
    def _users(self) -> dict[str, User]:
        return {name: User(name, role) for name, (role, _) in self._given.items()}

    @cached_property
    def _given(self) -> dict[str, tuple[Role, str]]:
        given = {}
        for name, value in self._settings.web_users.items():
            role, _, hash_ = value.get_secret_value().partition(":")
            given[name] = (_role(role), hash_)
        return given


def _role(text: str) -> Role:
    return "operator" if text == "operator" else "viewer"


def bearer(request: Request) -> str | None:
    """The token of the Authorization header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https"


def _cookie(request: Request) -> str:
    """The cookie's name. Browsers send the cookies of a host to all of its ports: two daemons of
    one machine must not take each other's.
    """
    port = request.url.port
    name = f"{COOKIE}-{port}" if port else COOKIE
    return f"__Host-{name}" if _is_https(request) else name
