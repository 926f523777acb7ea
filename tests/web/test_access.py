"""Who comes in, what a role allows, and what no request of another site can do."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from typing import Any

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer, base64_decode
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.testclient import TestClient

from manager import Settings
from manager.web.access.attempts import OF_ADDRESS, OF_NAME
from manager.web.access.tokens import hashed, new_token
from manager.web.access.user import requires
from tests.web.conftest import Serve
from tests.web.users import TOKENS, USERS, csrf_of, log_in

pytestmark = pytest.mark.integration

HTML = {"accept": "text/html"}
PROXY: dict[str, Any] = {"web_proxy_header": "Remote-User", "web_proxy_addresses": ["10.0.0.0/8"]}
MODES: dict[str, dict[str, Any]] = {
    "open": {},
    "login": {"web_users": USERS},
    "proxy": PROXY | {"web_proxy_roles": {"olga": "operator"}},
}
DONE: list[str] = []


async def act(request: Request) -> Response:
    """Something that only an operator may do."""
    form = await request.form()
    DONE.append(f"{request.state.user.name} {form.get('what', '')}".strip())
    return PlainTextResponse("done")


async def show(request: Request) -> Response:
    return Response(
        f'<input name="csrf_token" value="{request.state.csrf_token}">', media_type="text/html"
    )


@requires("operator")
async def secret(_: Request) -> Response:
    return PlainTextResponse("for operators")


ROUTES: list[BaseRoute] = [
    Route("/show", show),
    Route("/secret", secret),
    Route("/act", act, methods=["POST", "DELETE"]),
]


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    DONE.clear()


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """A browser at a web with users."""
    return serve(web_users=USERS, also=ROUTES)


# Coming in


def test_a_page_leads_to_the_login_and_from_there_back_to_it(client: TestClient) -> None:
    answer = client.get("/show?state=failed", headers=HTML, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/show%3Fstate%3Dfailed"
    page = client.get(answer.headers["location"])
    after = re.search(r'name="next" value="([^"]+)"', page.text)
    assert after is not None
    entered = log_in(client, "olga", next=after[1])
    assert (entered.status_code, entered.headers["location"]) == (303, "/show?state=failed")
    assert client.get("/show", headers=HTML).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/show", "/secret", "/act", "/nowhere", "/jobs/"])
def test_without_a_login_nothing_is_told_not_even_what_there_is(
    client: TestClient, path: str
) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, path)
        assert (answer.status_code, answer.content) == (401, b""), method


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("olga", ""),
        ("olga", "enrichd_" + "x" * 43),
        ("olga", TOKENS["vera"]),
        ("olga", TOKENS["olga"][:-1]),
        ("olga", TOKENS["olga"] + "\0"),
        ("olga", USERS["olga"]),
        ("olga", USERS["olga"].partition(":")[2]),
        ("nobody", TOKENS["olga"]),
        ("OLGA", TOKENS["olga"]),
        ("", TOKENS["olga"]),
    ],
)
def test_a_wrong_name_or_token_is_not_let_in(client: TestClient, name: str, token: str) -> None:
    answer = log_in(client, name, token)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert "No user of this name has this token" in answer.text
    assert client.get("/show").status_code == 401


@pytest.mark.parametrize(
    "after",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/login",
        "/logout",
        "/x\r\nSet-Cookie: a=b",
    ],
)
def test_the_login_leads_nowhere_else(client: TestClient, after: str) -> None:
    answer = log_in(client, "olga", next=after)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_token_opens_everything_that_its_role_may_see_for_programs(client: TestClient) -> None:
    for name, status in (("olga", 200), ("vera", 403)):
        headers = {"authorization": f"Bearer {TOKENS[name]}"}
        assert client.get("/show", headers=headers).status_code == 200
        assert client.get("/secret", headers=headers).status_code == status
        answer = client.post("/act", headers=headers, data={"what": "pause"})
        assert answer.status_code == status
    assert DONE == ["olga pause"]


@pytest.mark.parametrize("given", ["Bearer x", "Bearer ", "bearer", f"Basic {TOKENS['olga']}"])
def test_a_wrong_token_is_refused_whatever_session_there_is(client: TestClient, given: str) -> None:
    log_in(client, "olga")
    answer = client.get("/secret", headers={"authorization": given})
    assert answer.status_code == (200 if given.startswith("Basic") else 401)


# Roles


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_viewer_changes_nothing_and_an_operator_does(client: TestClient, method: str) -> None:
    for name in ("vera", "olga"):
        client.cookies.clear()
        log_in(client, name)
        token = csrf_of(client.get("/show"))
        answer = client.request(method, "/act", headers={"x-csrf-token": token})
        assert answer.status_code == (200 if name == "olga" else 403)
        assert client.get("/secret").status_code == answer.status_code
    assert DONE == ["olga"]


def test_every_route_that_changes_something_is_closed_to_a_viewer(client: TestClient) -> None:
    log_in(client, "vera")
    headers = {"x-csrf-token": csrf_of(client.get("/show"))}
    for route in _guarded(client):
        for method in (getattr(route, "methods", None) or set()) - {"GET", "HEAD"}:
            answer = client.request(method, re.sub(r"\{.*?\}", "1", route.path), headers=headers)
            assert answer.status_code == 403, (method, route.path)
    assert DONE == []


def _guarded(client: TestClient) -> list[Route]:
    app = client.app
    mount = app.routes[-1]  # type: ignore[attr-defined]
    return [it for it in mount.app._app.routes if isinstance(it, Route)]


# Sessions


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: TestClient) -> None:
    cookie = log_in(client, "olga").headers["set-cookie"]
    assert cookie.startswith("enrichd-8460=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Max-Age=43200" in cookie
    assert TOKENS["olga"] not in cookie


def test_over_https_the_cookie_is_for_https_and_this_host_alone(serve: Serve) -> None:
    client = serve(
        base_url="https://enrich.example.com", web_hosts=["enrich.example.com"], web_users=USERS
    )
    cookie = log_in(client, "olga").headers["set-cookie"]
    assert cookie.startswith("__Host-enrichd=")
    assert {"Secure", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_a_login_begins_a_session_that_nobody_had_before(client: TestClient) -> None:
    before = csrf_of(client.get("/login"))
    fixed = dict(client.cookies)
    log_in(client, "olga")
    assert dict(client.cookies) != fixed
    assert csrf_of(client.get("/show")) != before
    client.cookies.clear()
    client.cookies.update(fixed)
    assert client.get("/show").status_code == 401, "what was planted before has not become hers"


def test_a_cookie_that_was_changed_anywhere_is_none(client: TestClient) -> None:
    log_in(client, "vera")
    [(name, value)] = client.cookies.items()
    client.cookies.clear()
    letters = "AB"
    for position in range(0, len(value), 3):
        other = letters[value[position] == letters[0]]
        changed = value[:position] + other + value[position + 1 :]
        if _decodes_the_same(value, changed):
            continue
        answer = client.get("/show", headers={"cookie": f"{name}={changed}"})
        assert answer.status_code == 401, position
    for changed in ("", ".", "..", value[:-1], value + "x", value.split(".")[0], "\udc80"):
        raw = f"{name}={changed}".encode("utf-8", "surrogateescape")
        assert client.get("/show", headers={b"cookie": raw}).status_code == 401


def _decodes_the_same(value: str, changed: str) -> bool:
    """Whether only bits differ that base64 does not use."""
    parts = zip(value.split("."), changed.split("."), strict=True)
    return all(base64_decode(one) == base64_decode(other) for one, other in parts)


@pytest.mark.parametrize("user", ["olga", "local", "proxy:olga", "*"])
def test_who_guesses_the_key_alone_cannot_make_a_session(serve: Serve, user: str) -> None:
    key = "k" * 40
    client = serve(web_users=USERS, web_session_keys=[key], also=ROUTES)
    forger = URLSafeTimedSerializer(
        key,
        salt="enrichd/session",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
    client.cookies.set("enrichd-8460", str(forger.dumps([user, "id", "0" * 32])))
    assert client.get("/show").status_code == 401


@pytest.mark.parametrize(
    ("users", "may_see", "may_act"),
    [
        ({"vera": USERS["vera"]}, 401, 401),
        (USERS | {"olga": f"operator:{hashed(new_token())}"}, 401, 401),
        (USERS | {"olga": USERS["olga"].replace("operator", "viewer")}, 200, 403),
    ],
    ids=["taken out", "another token", "another role"],
)
def test_what_the_configuration_says_now_counts_for_sessions_too(
    serve: Serve, users: dict[str, str], may_see: int, may_act: int
) -> None:
    before = serve(web_users=USERS, also=ROUTES)
    log_in(before, "olga")
    headers = {"x-csrf-token": csrf_of(before.get("/show"))}
    now = serve(web_users=users, also=ROUTES)
    now.cookies.update(before.cookies)
    assert now.get("/show").status_code == may_see
    assert now.post("/act", headers=headers).status_code == may_act


def test_several_web_processes_of_a_ledger_know_each_others_sessions(serve: Serve) -> None:
    one, another = (serve(web_users=USERS, also=ROUTES) for _ in range(2))
    log_in(one, "olga")
    another.cookies.update(one.cookies)
    headers = {"x-csrf-token": csrf_of(one.get("/show"))}
    assert another.post("/act", headers=headers).status_code == 200


def test_a_new_key_signs_and_the_old_one_is_believed_until_it_is_taken_out(serve: Serve) -> None:
    old, new = "o" * 40, "n" * 40
    before = serve(web_users=USERS, web_session_keys=[old], also=ROUTES)
    log_in(before, "olga")
    headers = {"x-csrf-token": csrf_of(before.get("/show"))}
    for keys, status in (([new, old], 200), ([new], 401)):
        now = serve(web_users=USERS, web_session_keys=keys, also=ROUTES)
        now.cookies.update(before.cookies)
        assert now.get("/show").status_code == status
        assert now.post("/act", headers=headers).status_code == status


def test_a_session_ends_when_its_hours_are_over(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(client, "olga")
    assert client.get("/show").status_code == 200
    later = int(time.time()) + 12 * 3600 + 1
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: later)
    client.cookies.set("enrichd-8460", client.cookies["enrichd-8460"])  # the browser keeps it
    assert client.get("/show").status_code == 401


def test_leaving_takes_the_cookie_and_needs_our_own_form(client: TestClient) -> None:
    log_in(client, "vera")
    assert client.post("/logout").status_code == 403
    assert client.get("/show").status_code == 200
    token = csrf_of(client.get("/show"))
    answer = client.post("/logout", data={"csrf_token": token}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/show").status_code == 401


def test_while_the_ledger_is_away_an_operator_comes_in_all_the_same(serve: Serve) -> None:
    away = {"database_url": "postgresql://u@127.0.0.1:1/x", "redis_url": "redis://127.0.0.1:1/0"}
    client = serve(web_users=USERS, also=ROUTES, **away)
    assert log_in(client, "olga").status_code == 303
    assert client.get("/secret").status_code == 200


# Other sites


@pytest.mark.parametrize("mode", ["open", "login", "proxy"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "http://localhost:8460"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost:8460"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:8461"}, 403),
        ({"origin": "http://localhost"}, 403),
        ({"origin": "http://localhost:8460.evil.example"}, 403),
        ({"origin": "http://localhost:8460@evil.example"}, 403),
        ({"origin": "http://[not-an-address"}, 403),
    ],
)
def test_only_our_own_pages_send_forms(
    serve: Serve, mode: str, headers: dict[str, str], status: int
) -> None:
    client = serve(also=ROUTES, peer="10.1.2.3", **MODES[mode])
    if mode == "login":
        log_in(client, "olga")
    if mode == "proxy":
        client.headers["remote-user"] = "olga"
    form = {"csrf_token": csrf_of(client.get("/show")), "what": "pause"}
    assert client.post("/act", data=form, headers=headers).status_code == status
    assert len(DONE) == (status == 200)


@pytest.mark.parametrize("mode", ["open", "login"])
def test_a_form_needs_the_token_of_its_own_session(serve: Serve, mode: str) -> None:
    client, other = (serve(also=ROUTES, **MODES[mode]) for _ in range(2))
    for it in (client, other):
        if mode == "login":
            log_in(it, "olga")
        it.get("/show")
    stolen = csrf_of(other.get("/show"))
    for given in (None, "", "0" * 64, stolen, stolen.upper(), "ÿ"):
        data = {} if given is None else {"csrf_token": given}
        assert client.post("/act", data=data).status_code == 403, given
    assert client.post("/act", content=b'{"csrf_token": 1}').status_code == 403
    assert DONE == []


@pytest.mark.parametrize("kind", ["multipart", "urlencoded", "header"])
def test_what_the_form_says_reaches_the_route_however_it_is_sent(serve: Serve, kind: str) -> None:
    client = serve(also=ROUTES)
    token = csrf_of(client.get("/show"))
    if kind == "multipart":
        client.post("/act", files={"csrf_token": (None, token), "what": (None, "pause")})
    elif kind == "urlencoded":
        client.post("/act", data={"csrf_token": token, "what": "pause"})
    else:
        client.post("/act", data={"what": "pause"}, headers={"x-csrf-token": token})
    assert DONE == ["local pause"]


def test_a_login_cannot_be_forged_either(client: TestClient) -> None:
    form = {"name": "olga", "token": TOKENS["olga"]}
    assert client.post("/login", data=form).status_code == 403
    form["csrf_token"] = csrf_of(client.get("/login"))
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.post("/login", data=form, headers=foreign).status_code == 403
    assert client.get("/show").status_code == 401


# Proxies


@pytest.mark.parametrize(
    ("peer", "given", "status"),
    [
        ("10.1.2.3", [("Remote-User", "olga")], 200),
        ("::ffff:10.1.2.3", [("Remote-User", "olga")], 200),
        ("10.1.2.3", [("Remote-User", "")], 401),
        ("10.1.2.3", [], 401),
        ("10.1.2.3", [("Remote-User", "olga"), ("Remote-User", "admin")], 401),
        ("10.1.2.3", [("Remote-User", "*")], 401),
        ("10.1.2.3", [("X-Remote-User", "olga")], 401),
        ("192.0.2.1", [("Remote-User", "olga")], 401),
        ("127.0.0.1", [("Remote-User", "olga")], 401),
        ("192.0.2.1", [("Remote-User", "olga"), ("X-Forwarded-For", "10.1.2.3")], 401),
        ("192.0.2.1", [("Remote-User", "olga"), ("Forwarded", "for=10.1.2.3")], 401),
    ],
)
def test_a_proxys_header_is_believed_from_the_proxy_alone(
    serve: Serve, peer: str, given: list[tuple[str, str]], status: int
) -> None:
    client = serve(peer=peer, also=ROUTES, **PROXY)
    assert client.get("/show", headers=given).status_code == status


def test_those_whom_a_proxy_names_have_the_roles_of_the_configuration(serve: Serve) -> None:
    roles = {"anna@example.com": "operator", "*": "viewer"}
    named = serve(peer="10.1.2.3", also=ROUTES, **PROXY | {"web_proxy_roles": roles})
    for name, status in (("anna@example.com", 200), ("ben@example.com", 403)):
        assert named.get("/secret", headers={"remote-user": name}).status_code == status
    closed = serve(peer="10.1.2.3", also=ROUTES, **PROXY | {"web_proxy_roles": {"anna": "viewer"}})
    assert closed.get("/show", headers={"remote-user": "ben"}).status_code == 401


def test_a_session_behind_a_proxy_is_nobodys_without_it(serve: Serve) -> None:
    proxied = serve(peer="10.1.2.3", also=ROUTES, web_users=USERS, **PROXY)
    proxied.get("/show", headers={"remote-user": "olga"})
    direct = serve(peer="192.0.2.1", also=ROUTES, web_users=USERS, **PROXY)
    direct.cookies.update(proxied.cookies)
    assert direct.get("/show").status_code == 401


def test_only_a_proxy_says_that_the_client_came_by_https(serve: Serve) -> None:
    for peer, secure in (("10.1.2.3", True), ("192.0.2.1", False)):
        client = serve(peer=peer, web_users=USERS, web_proxy_addresses=["10.0.0.0/8"])
        answer = client.get("/login", headers={"x-forwarded-proto": "https"})
        assert ("Secure" in answer.headers["set-cookie"]) == secure


# Slowed


def fail(client: TestClient, name: str, times: int, **headers: str) -> list[int]:
    token = csrf_of(client.get("/login"))
    form = {"csrf_token": token, "name": name, "token": "wrong"}
    return [client.post("/login", data=form, headers=headers).status_code for _ in range(times)]


def test_after_some_failures_even_the_right_token_has_to_wait(client: TestClient) -> None:
    assert fail(client, "olga", OF_NAME + 2) == [403] * OF_NAME + [429] * 2
    answer = log_in(client, "olga")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert log_in(client, "vera").status_code == 303, "another name is free"


def test_an_address_has_so_many_failures_whatever_the_names(client: TestClient) -> None:
    found = [fail(client, f"user{number}", 1)[0] for number in range(OF_ADDRESS + 2)]
    assert found == [403] * OF_ADDRESS + [429] * 2
    headers = {"authorization": f"Bearer {TOKENS['olga']}"}
    assert client.get("/show", headers=headers).status_code == 429


def test_bearers_are_counted_too(client: TestClient) -> None:
    headers = {"authorization": "Bearer wrong"}
    found = [client.get("/show", headers=headers).status_code for _ in range(OF_ADDRESS + 1)]
    assert found == [401] * OF_ADDRESS + [429]


def test_nobody_shuts_another_out_by_failing_in_his_name(serve: Serve) -> None:
    settings = {"web_users": USERS, "web_proxy_addresses": ["10.0.0.0/8"]}
    client = serve(peer="10.1.2.3", **settings)
    spoofed = {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}
    assert fail(client, "olga", OF_NAME + 1, **spoofed)[-1] == 429
    spoofed = {"x-forwarded-for": "198.51.100.77, 203.0.113.9"}
    assert fail(client, "olga", 1, **spoofed) == [429], "what the client says counts for nothing"
    client.headers["x-forwarded-for"] = "203.0.113.10"
    assert log_in(client, "olga").status_code == 303


def test_failures_count_at_every_web_process(serve: Serve) -> None:
    one, another = (serve(web_users=USERS) for _ in range(2))
    fail(one, "olga", OF_NAME)
    assert fail(another, "olga", 2) == [403, 429]


# Secrets


def test_no_log_and_no_answer_has_a_token_in_it(
    client: TestClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        log_in(client, "olga")
        client.get("/show", headers={"authorization": f"Bearer {TOKENS['vera']}"})
        client.cookies.clear()
        wrong = log_in(client, "vera", "enrichd_" + "w" * 43)
    told = Settings(**settings.model_dump() | {"web_users": USERS, "web_session_keys": ["k" * 40]})
    ours = [it for it in caplog.records if not it.name.startswith("httpx")]
    texts = [*(it.getMessage() for it in ours), wrong.text, repr(told), str(told.model_dump())]
    for secret in (*TOKENS.values(), "w" * 43, *(it[-64:] for it in USERS.values()), "k" * 40):
        assert not [text for text in texts if secret in text]
    assert any("olga (operator) has logged in from 127.0.0.1" in it for it in texts)
