"""The page, and what is said while Postgres is away."""

from __future__ import annotations

import logging
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from manager import Settings
from manager.ledger import migrate
from manager.steps.context import Context
from manager.steps.webhook_token import hash_token
from manager.web.app import make_app
from tests.web.conftest import Serve
from tests.web.ledger import run
from tests.web.served import PATIENCE, running

pytestmark = pytest.mark.integration


def test_the_page_shows_the_ledger_and_may_run_nothing(client: TestClient, job_id: UUID) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert str(job_id) in answer.text
    assert "1 of 5 held" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_has_a_section_for_each_account(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    migrate.upgrade(settings.model_copy(update={"account": "another", "cap": 2}))
    run(settings, "UPDATE account SET foreign_active = 2 WHERE name = 'another'")
    text = client.get("/").text
    _, another, ours = text.split("<h2>Account <bdi>")
    assert another.startswith("another<")
    assert "0 of 2 held, 2 taken by others" in another
    assert ours.startswith(f"{settings.account}<")
    assert "1 of 5 held;" in ours


@pytest.mark.parametrize("path", ["/", "/health"])
def test_no_answer_holds_a_secret(
    settings: Settings, client: TestClient, token: str, path: str
) -> None:
    text = client.get(path).text
    passwords = [settings.postgres.split(":")[2].split("@")[0]]
    assert settings.vendor_api_key is not None
    key = settings.vendor_api_key.get_secret_value()
    for secret in (key, token, hash_token(token).hex(), *passwords):
        assert secret not in text


def test_without_postgres_the_page_says_so_and_webhooks_may_come_again(
    cut_off: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    page, health = cut_off.get("/"), cut_off.get("/health")
    assert (page.status_code, health.status_code) == (200, 503)
    assert "Postgres at 127.0.0.1:1/enrichd cannot be reached" in page.text
    with caplog.at_level(logging.DEBUG):
        answer = cut_off.post(f"/webhooks/{uuid4()}/some-token")
    assert (answer.status_code, answer.content) == (503, b"")
    for text in (page.text, health.text, caplog.text):
        assert "hunter2" not in text
    assert "webhook.not_taken" in caplog.text
    ours = [it for it in caplog.records if it.name.startswith("manager")]
    assert not [it for it in ours if "some-token" in it.getMessage()]


def test_without_a_schema_the_page_and_webhooks_still_answer(
    settings: Settings, serve: Serve
) -> None:
    client = serve(database_schema=f"{settings.database_schema}_models")
    assert "Run <code>enrichd db upgrade</code>" in client.get("/").text
    assert client.post(f"/webhooks/{uuid4()}/some-token").status_code == 503


def test_who_goes_in_the_middle_of_a_request_is_no_error(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with running(make_app(Context(settings, "web")), settings) as web:
        of_host = b" HTTP/1.1\r\nHost: localhost\r\n"
        half = web.connect(b"POST /login" + of_host + b"Content-Length: 9\r\n\r\nhalf")
        assert web.connect(b"GET /healthz" + of_host + b"\r\n").recv(65_536)
        half.close()
        web.stop()
        web.thread.join(PATIENCE)
    assert [it.getMessage() for it in caplog.records if it.levelname == "ERROR"] == []
