"""The web answers to its own names alone, so no page whose name was made to lead here reads it."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from manager import Settings
from manager.steps.context import Context
from manager.web.access.hosts import REFUSAL
from manager.web.app import make_app
from tests.web.conftest import Serve
from tests.web.served import running
from tests.web.users import USERS

pytestmark = pytest.mark.integration

PATHS = ["/", "/health", "/health/", "/healthz", "/readyz", "/login", "/static/login.css", "/jobs/"]
GIVEN = {
    "web_hosts": ["enrich.example.com", "*.intern.example.com", "192.0.2.7:8460"],
    "webhook_url": "https://hooks.example.com/enrichd",
    "web_host": "127.0.0.1",
}


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(web_users=USERS, **GIVEN)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8460",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "enrich.example.com.evil.example",
        "intern.example.com",
        "evilintern.example.com",
        "192.0.2.8",
        "localhost:x",
        "localhost:99999",
        "localhost:8460@evil.example",
        "[::1",
        "",
        ".",
        "*.intern.example.com",
    ],
)
def test_what_is_asked_for_by_a_name_of_others_is_told_nothing_but_that(
    client: TestClient, host: str
) -> None:
    for path in PATHS:
        answer = client.get(path, headers={"host": host}, follow_redirects=False)
        told = (answer.status_code, answer.text, answer.headers.get("location"))
        assert told == (421, REFUSAL, None), path


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8460",
        "LOCALHOST:8460",
        "localhost.:8460",
        "127.0.0.1:8460",
        "[::1]:8460",
        "enrichd.localhost",
        "enrich.example.com",
        "Enrich.Example.com:443",
        "a.intern.example.com",
        "a.b.intern.example.com",
        "192.0.2.7",
        "hooks.example.com",
    ],
)
def test_what_is_asked_for_by_our_names_is_served(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200
    assert client.get("/login", headers={"host": host}).status_code == 200


def test_the_address_that_a_connection_came_to_is_ours(serve: Serve) -> None:
    """As Kubernetes' probes ask, wherever it listens."""
    client = serve(base_url="http://10.7.7.7:8460", web_host="0.0.0.0", web_open=True)
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz", headers={"host": "10.7.7.8:8460"}).status_code == 421


def test_a_probe_of_http_1_0_which_names_no_host_is_answered(settings: Settings) -> None:
    app = make_app(Context(settings, "web"))
    with running(app, settings) as web:
        answer = web.connect(b"GET /healthz HTTP/1.0\r\n\r\n").recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/health/", "//evil.example/", "//evil.example", "/login/"])
def test_nothing_leads_to_another_host(serve: Serve, path: str) -> None:
    client = serve()
    answer = client.get(f"http://localhost:8460{path}", follow_redirects=False)
    assert (answer.status_code, "location" in answer.headers) == (404, False)


@pytest.mark.parametrize("path", ["/healthz", "/login", "/nowhere", "/static/login.css"])
def test_every_answer_tells_the_browser_what_it_may_do_with_it(
    client: TestClient, path: str
) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= set(
        policy.split("; ")
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers
