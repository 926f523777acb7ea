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
from manager.steps.context import Context
from manager.steps.submit import hash_token
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
    """An active job that is due in an hour, whose webhook has the token."""
    Manager(settings).enqueue("domains", ["stripe.com"])
    made = uuid4()
    run(
        settings,
        "INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, slot, batch_id,"
        "                 submitting_at, token_hash, due_at)"
        "SELECT %s, account_id, id, 'processing', 'a test', 1, 1, 'batch-1', now(), %s, %s "
        "FROM lane",
        made,
        hash_token(TOKEN),
        LATER,
    )
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


def test_the_right_token_makes_the_job_due_now_and_wakes_the_daemon(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    with psycopg.connect(settings.postgres, autocommit=True) as listening:
        listening.execute("LISTEN enrichd_wake")
        answer = client.post(f"/webhooks/{job_id}/{TOKEN}", json={"status": "completed"})
        [woken] = listening.notifies(timeout=5, stop_after=1)
    assert (answer.status_code, answer.content) == (204, b"")
    assert woken.payload == f"{settings.database_schema} poll"
    assert job(settings)["due_at"] <= datetime.now(UTC)
    assert job(settings)["webhook_at"] is not None


@pytest.mark.parametrize("body", [b"", b"{", b'{"status": "failed", "batch_id": "other"}', b"\xff"])
def test_what_the_body_says_is_never_believed(
    settings: Settings, client: TestClient, job_id: UUID, body: bytes
) -> None:
    before = job(settings)
    assert client.post(f"/webhooks/{job_id}/{TOKEN}", content=body).status_code == 204
    after = job(settings)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"due_at", "webhook_at"}


def test_a_replay_changes_no_more_than_the_first(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    for _ in range(3):
        assert client.post(f"/webhooks/{job_id}/{TOKEN}").status_code == 204
    assert job(settings)["state"] == "processing"
    run(settings, "UPDATE job SET state = 'completed', slot = NULL, due_at = %s", LATER)
    assert client.post(f"/webhooks/{job_id}/{TOKEN}").status_code == 404
    assert (job(settings)["state"], job(settings)["due_at"]) == ("completed", LATER)


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
    assert job(settings) == before


def test_a_huge_body_is_refused_and_changes_nothing(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    before = job(settings)
    url = f"/webhooks/{job_id}/{TOKEN}"
    assert client.post(url, content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert job(settings) == before
    assert client.post(url, content=b"x" * MAX_BODY).status_code == 204


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_is_a_webhook(client: TestClient, job_id: UUID, method: str) -> None:
    assert client.request(method, f"/webhooks/{job_id}/{TOKEN}").status_code == 405


def test_health_is_503_until_the_daemon_can_work(settings: Settings, client: TestClient) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["ok"]) == (503, False)
    sweep(Context(settings, "test"))
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


@pytest.mark.parametrize("path", ["/", "/health"])
def test_no_answer_holds_a_secret(
    settings: Settings, client: TestClient, job_id: UUID, path: str
) -> None:
    text = client.get(path).text
    passwords = [settings.postgres.split(":")[2].split("@")[0]]
    for secret in (settings.api_key, TOKEN, hash_token(TOKEN).hex(), *passwords):
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
