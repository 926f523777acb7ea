"""The web application: page, health, and the receiver that believes nothing."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from manager import Manager, Settings
from manager.ledger import migrate
from manager.steps.attempt import hash_token
from manager.steps.context import Context
from manager.steps.sweep import sweep
from manager.web.app import MAX_BODY, make_app

with warnings.catch_warnings():  # of a client that is to replace httpx some day
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

pytestmark = pytest.mark.integration

TOKEN = "the-jobs-own-token"
LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of the application on this ledger."""
    with TestClient(make_app(Context(settings, "web"))) as made:
        yield made


@pytest.fixture
def job_id(settings: Settings) -> UUID:
    """An active job whose webhook has the token; the vendor is to be looked at in an hour."""
    Manager(settings).enqueue("domains", ["stripe.com"])
    made = uuid4()
    run(
        settings,
        "INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, slot, batch_id,"
        "                 submitting_at, token_hash)"
        "SELECT %s, account_id, id, 'processing', 'a test', 1, 1, 'batch-1', now(), %s FROM lane",
        made,
        hash_token(TOKEN),
    )
    run(settings, "UPDATE account SET look_at = %s", LATER)
    return made


def run(settings: Settings, sql: str, *parameters: object) -> list[dict[str, Any]]:
    """A statement on the ledger, and its rows."""
    with psycopg.connect(settings.postgres, row_factory=dict_row) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        cursor = connection.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def job(settings: Settings) -> dict[str, Any]:
    """The one job."""
    [found] = run(settings, "SELECT * FROM job")
    return found


def look_at(settings: Settings) -> datetime:
    """When the vendor is to be looked at, for the job's account."""
    [found] = run(settings, "SELECT look_at FROM account JOIN job ON job.account_id = account.id")
    return datetime.fromisoformat(str(found["look_at"]))


def test_the_right_token_has_the_daemon_look_at_the_vendor_now(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    with psycopg.connect(settings.postgres, autocommit=True) as listening:
        listening.execute("LISTEN enrichd_wake")
        answer = client.post(f"/webhooks/{job_id}/{TOKEN}", json={"status": "completed"})
        [woken] = listening.notifies(timeout=5, stop_after=1)
    assert (answer.status_code, answer.content) == (204, b"")
    assert woken.payload == f"{settings.database_schema} look {settings.account}"
    assert look_at(settings) <= datetime.now(UTC)
    assert job(settings)["webhook_at"] is not None


def test_a_webhook_concerns_its_jobs_account_alone(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    run(settings, "INSERT INTO account (name, look_at) VALUES ('another', %s)", LATER)
    assert client.post(f"/webhooks/{job_id}/{TOKEN}").status_code == 204
    [another] = run(settings, "SELECT look_at FROM account WHERE name = 'another'")
    assert another["look_at"] == LATER
    assert look_at(settings) < LATER


@pytest.mark.parametrize("body", [b"", b"{", b'{"status": "failed", "batch_id": "other"}', b"\xff"])
def test_what_the_body_says_is_never_believed(
    settings: Settings, client: TestClient, job_id: UUID, body: bytes
) -> None:
    before = job(settings)
    assert client.post(f"/webhooks/{job_id}/{TOKEN}", content=body).status_code == 204
    after = job(settings)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"webhook_at"}


def test_a_replay_changes_no_more_than_the_first(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    for _ in range(3):
        assert client.post(f"/webhooks/{job_id}/{TOKEN}").status_code == 204
    assert job(settings)["state"] == "processing"
    run(settings, "UPDATE job SET state = 'completed', slot = NULL")
    run(settings, "UPDATE account SET look_at = %s", LATER)
    assert client.post(f"/webhooks/{job_id}/{TOKEN}").status_code == 204
    assert (job(settings)["state"], look_at(settings)) == ("completed", LATER)


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/{job}/another-token",
        "/webhooks/{job}/{token}x",
        "/webhooks/{job}/%00",
        "/webhooks/{job}/",
        "/webhooks/{job}",
        "/webhooks/{job}/{token}/more",
        "/webhooks/00000000-0000-0000-0000-000000000000/{token}",
        "/webhooks/not-an-id/{token}",
        "/webhooks/{job}/" + "x" * 5_000,
    ],
)
def test_a_forged_webhook_is_not_found_and_changes_nothing(
    settings: Settings, client: TestClient, job_id: UUID, path: str
) -> None:
    before = job(settings)
    answer = client.post(path.format(job=job_id, token=TOKEN), json={"status": "completed"})
    assert answer.status_code == 404
    assert (job(settings), look_at(settings)) == (before, LATER)


def test_a_huge_body_is_refused_and_changes_nothing(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    before = job(settings)
    url = f"/webhooks/{job_id}/{TOKEN}"
    assert client.post(url, content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert (job(settings), look_at(settings)) == (before, LATER)
    assert client.post(url, content=b"x" * MAX_BODY).status_code == 204


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_is_a_webhook(client: TestClient, job_id: UUID, method: str) -> None:
    assert client.request(method, f"/webhooks/{job_id}/{TOKEN}").status_code == 405


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
    assert "no credits" in answer.json()["problems"][0]


def test_the_page_shows_the_ledger_and_may_run_nothing(client: TestClient, job_id: UUID) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert str(job_id) in answer.text
    assert "1 of 5" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_health_tells_until_when_the_vendor_wants_no_call(
    settings: Settings, client: TestClient
) -> None:
    account = Context(settings, "test").account(settings.account)
    account.gate.answered("list", None, None, None, blocked=60)
    [found] = client.get("/health").json()["accounts"]
    until = datetime.fromisoformat(found["calls"]["list"]["blocked_until"])
    assert datetime.now(UTC) < until < LATER


def test_the_page_has_a_section_for_each_account(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    assert "<h2>" not in client.get("/").text
    migrate.upgrade(settings.model_copy(update={"account": "another", "cap": 2}))
    run(settings, "UPDATE account SET foreign_active = 2 WHERE name = 'another'")
    text = client.get("/").text
    another, ours = text.split("<h2>")[1:]
    assert another.startswith("Account another<")
    assert another.count("taken by others</li>") == 2
    assert str(job_id) not in another
    assert ours.startswith(f"Account {settings.account}<")
    assert "taken by others" not in ours
    assert str(job_id) in ours


@pytest.mark.parametrize("path", ["/", "/health"])
def test_no_answer_holds_a_secret(
    settings: Settings, client: TestClient, job_id: UUID, path: str
) -> None:
    text = client.get(path).text
    passwords = [settings.postgres.split(":")[2].split("@")[0]]
    assert settings.vendor_api_key is not None
    key = settings.vendor_api_key.get_secret_value()
    for secret in (key, TOKEN, hash_token(TOKEN).hex(), *passwords):
        assert secret not in text


@pytest.fixture
def cut_off(settings: Settings) -> Iterator[TestClient]:
    """A client of the application whose Postgres and Redis are away."""
    away = Settings(
        **settings.model_dump()
        | {
            "database_url": "postgresql://user:hunter2@127.0.0.1:1/enrichd",
            "redis_url": "redis://:hunter2@127.0.0.1:1/0",
        }
    )
    with TestClient(make_app(Context(away, "web"))) as made:
        yield made


def test_without_postgres_the_page_says_so_and_webhooks_may_come_again(
    cut_off: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    page, health = cut_off.get("/"), cut_off.get("/health")
    assert (page.status_code, health.status_code) == (200, 503)
    assert "Postgres at 127.0.0.1:1/enrichd cannot be reached" in page.text
    with caplog.at_level(logging.DEBUG):
        answer = cut_off.post(f"/webhooks/{uuid4()}/{TOKEN}")
    assert (answer.status_code, answer.content) == (503, b"")
    for text in (page.text, health.text, caplog.text):
        assert "hunter2" not in text
    assert "not taken" in caplog.text
    assert not [r for r in caplog.records if r.name.startswith("manager") and TOKEN in r.message]


def test_without_a_schema_the_page_and_webhooks_still_answer(settings: Settings) -> None:
    bare = settings.model_copy(update={"database_schema": f"{settings.database_schema}_models"})
    with TestClient(make_app(Context(bare, "web"))) as client:
        assert "Run `enrichd db upgrade`" in client.get("/").text
        assert client.post(f"/webhooks/{uuid4()}/{TOKEN}").status_code == 503
