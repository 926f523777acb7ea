"""Celery tasks of a caller's: on the caller's broker, by name, whatever the caller's code is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from manager import Settings
from manager.run.processes import free_port
from tests.foreign.redis import ForeignRedis, running
from tests.steps.patience import until
from tests.steps.tell.conftest import Telling

pytestmark = pytest.mark.integration

TARGET = "task:shop.tasks.enriched@crm"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ForeignRedis]:
    """The caller's Redis, which is not ours."""
    with running("valkey-9") as server:
        yield server


def telling_to(settings: Settings, told: dict[str, Any], target: str, **brokers: str) -> Telling:
    told["notify_brokers"] = {name: SecretStr(url) for name, url in brokers.items()}
    made = Telling(settings.model_copy(update=told | {"notify": [target]}))
    made.tell()
    return made


@pytest.mark.daemon
def test_a_worker_of_the_caller_runs_its_task(
    settings: Settings, told: dict[str, Any], broker: ForeignRedis, tmp_path: Path
) -> None:
    file = tmp_path / "told.jsonl"
    telling = telling_to(settings, told, TARGET, crm=broker.url)
    telling.note(7)
    telling.tell()
    assert telling.states == ["told"]
    environment = os.environ | {"CALLER_BROKER": broker.url, "CALLER_FILE": str(file)}
    folder = Path(__file__).parent
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "caller", "worker", "-P", "solo", "-l", "WARNING"],
        cwd=folder,
        env=environment,
    )
    try:
        until(lambda: file.exists() and file.read_text().endswith("\n"), 60)
        [message] = [json.loads(line) for line in file.read_text().splitlines()]
        assert message["type"] == "budget.reached"
        assert message["data"] == {"number": 7}
        assert message["task_id"] == message["id"] == str(telling.notices[0].id)
        assert message["queue"] == "celery"
    finally:
        worker.terminate()
        worker.wait(30)
        telling.close()


def test_it_goes_into_the_queue_that_is_named_and_is_told_again_by_the_same_id(
    settings: Settings, told: dict[str, Any], broker: ForeignRedis
) -> None:
    telling = telling_to(settings, told, f"{TARGET}/high", crm=broker.url)
    telling.note()
    telling.tell()
    telling.execute("UPDATE notice SET state = 'waiting', ended_at = NULL")
    telling.hasten()
    telling.tell()
    with Redis.from_url(broker.url) as redis:
        sent = [json.loads(it) for it in redis.lrange("high", 0, -1)]
    assert len(sent) == 2
    assert {it["headers"]["id"] for it in sent} == {str(telling.notices[0].id)}
    assert {it["headers"]["task"] for it in sent} == {"shop.tasks.enriched"}
    telling.close()


def test_a_prefix_of_the_brokers_keys_is_heeded(
    settings: Settings, told: dict[str, Any], broker: ForeignRedis
) -> None:
    url = f"{broker.url}?global_keyprefix=shop."
    telling = telling_to(settings, told, TARGET, crm=url)
    telling.note()
    telling.tell()
    with Redis.from_url(broker.url) as redis:
        assert redis.llen("shop.celery") == 1
    telling.close()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_away_is_no_trouble_of_ours_and_no_password_is_told(
    settings: Settings, told: dict[str, Any], scheme: str
) -> None:
    url = f"{scheme}://user:hush-hush@127.0.0.1:{free_port()}/0"
    telling = telling_to(settings, told, TARGET, crm=url)
    telling.note()
    telling.tell()
    [notice] = telling.notices
    assert notice.state == "waiting"
    assert "broker crm: " in notice.error
    assert "hush" not in notice.error
    telling.close()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_so_is_one_that_takes_the_connection_and_says_nothing(
    settings: Settings, told: dict[str, Any], scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"{scheme}://127.0.0.1:{mute.getsockname()[1]}/0"
        telling = telling_to(settings, told, TARGET, crm=url)
        telling.note()
        telling.tell()
        assert telling.states == ["waiting"]
        telling.close()


def test_a_broker_that_nobody_has_named_is_said(settings: Settings, told: dict[str, Any]) -> None:
    telling = telling_to(settings, told, TARGET, other="redis://127.0.0.1:1/0")
    telling.note()
    telling.tell()
    assert "there is no broker 'crm' in notify_brokers; it has: other" in telling.notices[0].error
    telling.close()
