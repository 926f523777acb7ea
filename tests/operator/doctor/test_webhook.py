"""Webhook: whether the public address leads to our own receiver, from here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import uvicorn

from manager import Settings
from manager.operator.doctor import Finding
from manager.steps.context import Context
from manager.web.app import make_app
from tests.operator.doctor.looking import hanging_port, look, only, troubles
from tests.steps.driver import Driver, closed_port

pytestmark = pytest.mark.integration


@contextmanager
def web(settings: Settings) -> Iterator[str]:
    """`enrichd web` in a thread; its URL."""
    config = uvicorn.Config(make_app(Context(settings, "web")), port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
        assert thread.is_alive()
    try:
        [listening] = server.servers[0].sockets
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def somebody(status: int, **headers: str) -> Iterator[str]:
    """A server of somebody else's; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def looked(settings: Settings, url: str | None) -> list[Finding]:
    changes = {"webhook_url": url, "vendor_read_timeout": 1.0}
    return look(settings.model_copy(update=changes), "webhook")


def test_our_own_receiver_proves_that_it_works_on_this_ledger(settings: Settings) -> None:
    with web(settings) as url:
        found = looked(settings, url)
    assert troubles(found) == []
    assert "to `enrichd web` of this ledger" in only(found, "receiver").means
    assert "only a job can tell" in only(found, "receiver").means


def test_another_ledgers_receiver_is_a_problem(driver: Driver) -> None:
    settings = driver.context.settings
    with web(settings) as url:
        assert only(looked(settings, url), "receiver").level == "ok"
        driver.execute("UPDATE ledger SET id = gen_random_uuid()")
        assert "of another ledger" in only(looked(settings, url), "receiver").means


def test_a_receiver_without_its_ledger_is_a_problem(settings: Settings) -> None:
    with web(settings.model_copy(update={"database_schema": "nowhere"})) as url:
        problem = only(looked(settings, url), "receiver")
    assert (problem.level, "cannot ask its ledger" in problem.means) == ("problem", True)


@pytest.mark.parametrize(
    ("status", "headers", "advice"),
    [
        (200, {}, "Let the proxy pass /webhooks/ to `enrichd web`"),
        (404, {}, "A release before this one does not know the probe"),
        (401, {}, "without a login"),
        (421, {}, "name in web_hosts what it makes of it"),
        (502, {}, "The proxy finds no `enrichd web` behind it"),
        (301, {"Location": "https://elsewhere.example/?token=s3cret"}, "the address that it ends"),
    ],
)
def test_whoever_answers_instead_is_told_from_ours(
    settings: Settings, status: int, headers: dict[str, str], advice: str
) -> None:
    with somebody(status, **headers) as url:
        found = looked(settings, url)
    problem = only(found, "receiver")
    assert problem.level == "problem"
    assert f"answers {status} (BaseHTTP" in problem.means
    assert advice in problem.advice
    assert "s3cret" not in repr(found)


def test_what_is_not_there_or_hangs_is_a_problem(settings: Settings) -> None:
    assert troubles(looked(settings, f"http://127.0.0.1:{closed_port()}")) == [
        ("problem", "reached")
    ]
    with hanging_port() as port:
        assert troubles(looked(settings, f"http://127.0.0.1:{port}")) == [("problem", "receiver")]


def test_without_one_there_is_nothing_to_reach(settings: Settings) -> None:
    assert troubles(looked(settings, None)) == []


def test_the_last_jobs_tell_whether_the_vendors_webhooks_come(driver: Driver) -> None:
    settings = driver.context.settings
    with web(settings) as url:
        assert "too few to tell" in only(looked(settings, url), "from the vendor").means
        for number in range(3):
            driver.completed(1, first=number)
        assert "too few to tell" in only(looked(settings, url), "from the vendor").means
        driver.execute("UPDATE job SET token_hash = '\\x00'")
        assert only(looked(settings, url), "from the vendor").level == "warning"
        driver.execute("UPDATE job SET webhook_at = now()")
        assert "webhooks came of 3 of the last 3 jobs" in (
            only(looked(settings, url), "from the vendor").means
        )
