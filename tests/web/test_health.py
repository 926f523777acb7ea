"""Health: of the process, of what it needs, and of the daemon."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from starlette.testclient import TestClient

from manager import Settings
from manager.steps.context import Context
from manager.steps.sweep import sweep
from manager.web import health
from tests.web.conftest import Serve
from tests.web.ledger import LATER, run
from tests.web.users import TOKENS, USERS

pytestmark = pytest.mark.integration


def test_health_is_503_until_the_daemon_can_work(settings: Settings, client: TestClient) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["ok"]) == (503, False)
    context = Context(settings, "test")
    sweep(context, context.account(settings.account))
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["ok"], answer.json()["problems"]) == (200, True, [])
    run(settings, "UPDATE account SET paused_at = now(), paused_reason = 'no credits'")
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "no credits" in answer.json()["problems"][0]["text"]


def test_health_tells_until_when_the_vendor_wants_no_call(
    settings: Settings, client: TestClient
) -> None:
    account = Context(settings, "test").account(settings.account)
    account.gate.answered("list", None, None, None, blocked=60)
    [found] = client.get("/health").json()["accounts"]
    until = datetime.fromisoformat(found["calls"]["list"]["blocked_until"])
    assert datetime.now(UTC) < until < LATER


AWAY = "postgresql://user:hunter2@127.0.0.1:1/enrichd"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, (200, "ready\n")),
        ({"database_url": AWAY}, (503, "not ready: ledger\n")),
        ({"redis_url": "redis://:hunter2@127.0.0.1:1/0"}, (503, "not ready: redis\n")),
        ({"database_schema": "nowhere"}, (503, "not ready: ledger\n")),
    ],
)
def test_a_process_lives_whatever_is_away_and_is_ready_when_nothing_is(
    serve: Serve,
    changed: dict[str, str],
    told: tuple[int, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = serve(web_users=USERS, **changed)
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    for _ in range(2):
        answer = client.get("/readyz")
        assert (answer.status_code, answer.text) == told, "nor is anybody asked for a login"
    if changed:
        said = [it.getMessage() for it in caplog.records if it.name == "manager.web.health"]
        assert len(said) == 1, "it is said once"
        assert "hunter2" not in said[0]


def test_an_older_schema_is_not_ready(settings: Settings, client: TestClient) -> None:
    run(settings, "UPDATE enrichd_version SET version_num = '0001'")
    assert client.get("/readyz").status_code == 503


def test_whether_it_lives_asks_nobody(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it asked Postgres")

    monkeypatch.setattr(psycopg, "connect", refuse)
    assert client.get("/healthz").status_code == 200


def test_many_probes_at_once_are_one_question(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = threading.Semaphore(1)
    asked = []

    def ask(_: Context) -> dict[str, str]:
        assert running.acquire(blocking=False), "another question is under way"
        asked.append(1)
        threading.Event().wait(0.2)
        running.release()
        return {}

    monkeypatch.setattr(health, "_troubles", ask)
    with ThreadPoolExecutor(20) as many:
        codes = list(many.map(lambda _: client.get("/readyz").status_code, range(40)))
    assert codes == [200] * 40
    assert len(asked) <= 2


def test_a_probe_does_not_wait_for_ever(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(health, "_troubles", lambda _: hangs.wait(20) and {})
    monkeypatch.setattr(health, "PATIENCE", 0.1)
    assert client.get("/readyz").status_code == 503
    hangs.set()


def test_what_health_tells_is_for_who_has_come_in(serve: Serve) -> None:
    client = serve(web_users=USERS)
    assert client.get("/health").status_code == 401
    headers = {"authorization": f"Bearer {TOKENS['vera']}"}
    assert client.get("/health", headers=headers).json()["ok"] is False


def test_an_error_of_ours_tells_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Context) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(health, "status", fail)
    client = serve()
    client._transport.raise_server_exceptions = False
    answer = client.get("/health")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
