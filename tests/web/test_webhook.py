"""The receiver of webhooks, which believes nothing."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from starlette.testclient import TestClient

from manager import Settings
from manager.operator.probe import PROOF, proof
from manager.steps.context import Context
from manager.steps.webhook_token import hash_token, new_token, webhook_key
from manager.web import webhook
from manager.web.webhook import AT_ONCE, FORMER_BURST, MAX_BODY
from tests.web.conftest import Serve
from tests.web.ledger import LATER, job, look_at, run

pytestmark = pytest.mark.integration


def test_the_right_token_has_the_daemon_look_at_the_vendor_now(
    settings: Settings, client: TestClient, job_id: UUID, token: str
) -> None:
    with psycopg.connect(settings.postgres, autocommit=True) as listening:
        listening.execute("LISTEN enrichd_wake")
        answer = client.post(f"/webhooks/{job_id}/{token}", json={"status": "completed"})
        [woken] = listening.notifies(timeout=5, stop_after=1)
    assert (answer.status_code, answer.content) == (204, b"")
    assert woken.payload == f"{settings.database_schema} look {settings.account}"
    assert look_at(settings) <= datetime.now(UTC)
    assert job(settings)["webhook_at"] is not None


def test_a_webhook_concerns_its_jobs_account_alone(
    settings: Settings, client: TestClient, job_id: UUID, token: str
) -> None:
    run(settings, "INSERT INTO account (name, look_at) VALUES ('another', %s)", LATER)
    assert client.post(f"/webhooks/{job_id}/{token}").status_code == 204
    [another] = run(settings, "SELECT look_at FROM account WHERE name = 'another'")
    assert another["look_at"] == LATER
    assert look_at(settings) < LATER


@pytest.mark.parametrize("body", [b"", b"{", b'{"status": "failed", "batch_id": "other"}', b"\xff"])
def test_what_the_body_says_is_never_believed(
    settings: Settings, client: TestClient, job_id: UUID, token: str, body: bytes
) -> None:
    before = job(settings)
    assert client.post(f"/webhooks/{job_id}/{token}", content=body).status_code == 204
    after = job(settings)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"webhook_at"}


def test_a_replay_changes_no_more_than_the_first(
    settings: Settings, client: TestClient, job_id: UUID, token: str
) -> None:
    for _ in range(3):
        assert client.post(f"/webhooks/{job_id}/{token}").status_code == 204
    assert job(settings)["state"] == "processing"
    run(settings, "UPDATE job SET state = 'completed', slot = NULL")
    run(settings, "UPDATE account SET look_at = %s", LATER)
    assert client.post(f"/webhooks/{job_id}/{token}").status_code == 204
    assert (job(settings)["state"], look_at(settings)) == ("completed", LATER)


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/{job}/another-token",
        "/webhooks/{job}/{token}x",
        "/webhooks/{job}/%00",
        "/webhooks/{job}/%D9%A3-" + "a" * 64,  # a digit, but none of ours
        "/webhooks/{job}/",
        "/webhooks/{job}",
        "/webhooks/{job}/{token}/more",
        "/webhooks/00000000-0000-0000-0000-000000000000/{token}",
        "/webhooks/not-an-id/{token}",
        "/webhooks/{job}/" + "x" * 5_000,
    ],
)
def test_a_forged_webhook_is_not_found_and_changes_nothing(
    settings: Settings, client: TestClient, job_id: UUID, token: str, path: str
) -> None:
    before = job(settings)
    answer = client.post(path.format(job=job_id, token=token), json={"status": "completed"})
    assert answer.status_code == 404
    assert (job(settings), look_at(settings)) == (before, LATER)


def test_a_huge_body_is_refused_and_changes_nothing(
    settings: Settings, client: TestClient, job_id: UUID, token: str
) -> None:
    before = job(settings)
    url = f"/webhooks/{job_id}/{token}"
    assert client.post(url, content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert (job(settings), look_at(settings)) == (before, LATER)
    assert client.post(url, content=b"x" * MAX_BODY).status_code == 204


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_is_a_webhook(
    client: TestClient, job_id: UUID, token: str, method: str
) -> None:
    assert client.request(method, f"/webhooks/{job_id}/{token}").status_code == 405


@pytest.fixture
def asked(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every connection to Postgres from now on; the receiver knows its ledger already."""
    client.post("/webhooks/probe/0123456789abcdef0123456789abcdef")
    found: list[str] = []
    connect = psycopg.connect

    def noted(*args: object, **kwargs: object) -> object:
        found.append("connection")
        return connect(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(psycopg, "connect", noted)
    return found


def forged(settings: Settings, job_id: UUID, token: str) -> list[str]:
    """Tokens that look like ours and are not this job's, or not any more."""
    id_ = Context(settings, "test").ledger_id
    another = "0" if token[-1] != "0" else "1"
    return [
        token[:-1] + another,
        token.replace("1-", "2-", 1),
        token.replace("1-", "01-", 1),
        token.replace("1-", "", 1),
        token.upper(),
        "1-" + "0" * 64,
        new_token(webhook_key(id_), uuid4(), 1),
        new_token(webhook_key(str(uuid4())), job_id, 1),
        new_token(id_.encode(), job_id, 1),
        f"1-{proof(id_, f'{job_id} 1')}",
    ]


def test_a_forged_token_is_refused_without_asking_postgres(
    settings: Settings, client: TestClient, job_id: UUID, token: str, asked: list[str]
) -> None:
    tokens = forged(settings, job_id, token)
    asked.clear()
    before = job(settings)
    asked.clear()
    for it in tokens:
        assert client.post(f"/webhooks/{job_id}/{it}").status_code == 404, it
    assert asked == []
    assert job(settings) == before


def test_a_token_of_an_earlier_attempt_is_known_and_not_heard(
    settings: Settings, client: TestClient, job_id: UUID, token: str
) -> None:
    second = new_token(webhook_key(Context(settings, "test").ledger_id), job_id, 2)
    run(settings, "UPDATE job SET token_hash = %s", hash_token(second))
    assert client.post(f"/webhooks/{job_id}/{token}").status_code == 404
    assert client.post(f"/webhooks/{job_id}/{second}").status_code == 204


def test_a_job_that_an_earlier_release_submitted_is_still_heard(
    settings: Settings, client: TestClient, job_id: UUID
) -> None:
    random = secrets.token_urlsafe(32)
    run(settings, "UPDATE job SET token_hash = %s", hash_token(random))
    assert client.post(f"/webhooks/{job_id}/{random}").status_code == 204
    assert look_at(settings) < LATER


def test_tokens_of_the_former_shape_are_asked_about_seldom(
    client: TestClient, job_id: UUID, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manager.web.webhook.monotonic", lambda: 1e9)
    asked.clear()
    found = [
        client.post(f"/webhooks/{job_id}/{secrets.token_urlsafe(32)}").status_code
        for _ in range(FORMER_BURST + 5)
    ]
    assert found[:FORMER_BURST] == [404] * FORMER_BURST
    assert set(found[FORMER_BURST:]) == {429}
    assert len(asked) == FORMER_BURST


def test_few_sessions_of_postgres_are_opened_however_many_webhooks_come(
    client: TestClient, job_id: UUID, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def hint(*_: object) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.05)
        with lock:
            running -= 1
        return 204

    monkeypatch.setattr(webhook, "_hint", hint)
    with ThreadPoolExecutor(20) as many:
        answers = many.map(lambda _: client.post(f"/webhooks/{job_id}/{token}"), range(40))
        assert {it.status_code for it in answers} == {204}
    assert 1 <= most <= AT_ONCE


@pytest.mark.parametrize("nonce", ["enrichd%2Fwebhook%20key", "x", "0" * 65, "A" * 32, "%00"])
def test_the_probe_proves_nothing_but_its_own_words(client: TestClient, nonce: str) -> None:
    """What it makes of any text would be the key of our tokens, too."""
    answer = client.post(f"/webhooks/probe/{nonce}")
    assert (answer.status_code, PROOF in answer.headers) == (404, False)


def test_alone_it_serves_webhooks_and_probes_of_health_and_nothing_else(
    serve: Serve, job_id: UUID, token: str
) -> None:
    alone = serve(parts=["webhooks"])
    assert alone.post(f"/webhooks/{job_id}/{token}").status_code == 204
    assert alone.get("/healthz").status_code == 200
    assert alone.get("/readyz").status_code == 200
    for path in ("/", "/health", "/login", "/metrics", "/static/login.css"):
        assert alone.get(path).status_code == 404
    others = serve(parts=["console", "metrics"])
    before = others.post(f"/webhooks/{job_id}/{token}")
    assert before.status_code == 403, "it is no route there, and no form of ours"


def test_a_webhook_needs_no_login(serve: Serve, job_id: UUID, token: str) -> None:
    client = serve(web_users={"olga": f"operator:sha256:{'0' * 32}:{'0' * 64}"})
    headers = {"origin": "https://vendor.example", "sec-fetch-site": "cross-site"}
    assert client.post(f"/webhooks/{job_id}/{token}", headers=headers).status_code == 204
