"""Users of the tests, with their tokens, and how they come in."""

from __future__ import annotations

import re

from httpx import Response
from starlette.testclient import TestClient

from manager.web.access.tokens import PREFIX, hashed

TOKENS = {name: PREFIX + (name * 11)[:43] for name in ("olga", "vera")}
ROLES = {"olga": "operator", "vera": "viewer"}
USERS = {name: f"{ROLES[name]}:{hashed(token, '5' * 32)}" for name, token in TOKENS.items()}


def csrf_of(page: Response) -> str:
    """The token that the page's forms carry."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page.text)
    assert found, page.text
    return found[1]


def log_in(client: TestClient, name: str, token: str | None = None, **more: str) -> Response:
    """Send the form of the login as a browser would."""
    form = {"csrf_token": csrf_of(client.get("/login")), "name": name}
    form["token"] = TOKENS[name] if token is None else token
    answer: Response = client.post("/login", data=form | more, follow_redirects=False)
    return answer
