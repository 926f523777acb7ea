"""A Celery task of a caller's on RabbitMQ: told until a worker's queue has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from manager import Settings
from tests.foreign.rabbitmq import RabbitMQ, rabbitmq
from tests.steps.patience import until
from tests.steps.tell.conftest import Telling, told

__all__ = ["told"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]
NAME = "task:shop.tasks.enriched"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


def telling_to(settings: Settings, told: dict[str, Any], url: str, target: str = NAME) -> Telling:
    brokers = {"notify_brokers": {"default": SecretStr(url)}, "notify": [target]}
    made = Telling(settings.model_copy(update=told | {"notify_timeout": 5.0} | brokers))
    made.tell()
    made.note(7)
    made.tell()
    return made


def test_it_waits_for_the_queue_of_a_worker_and_is_told_once_it_is_there(
    settings: Settings, told: dict[str, Any], broker: RabbitMQ, tmp_path: Path
) -> None:
    telling = telling_to(settings, told, broker.url())
    [notice] = telling.notices
    assert notice.state == "waiting"
    assert "it has no queue 'celery'; a worker makes it when it starts" in notice.error
    file = tmp_path / "told.jsonl"
    folder = Path(__file__).parents[1] / "steps" / "tell"  # where its application is
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "caller", "worker", "-P", "solo", "-l", "WARNING"],
        cwd=folder,
        env=os.environ | {"CALLER_BROKER": broker.url(), "CALLER_FILE": str(file)},
    )
    try:
        until(lambda: "celery\t" in broker.control("list_queues", "name", "messages"), 90)
        telling.keep_telling()
        assert telling.states == ["told"]
        until(lambda: file.exists() and file.read_text().endswith("\n"), 60)
        [message] = [json.loads(line) for line in file.read_text().splitlines()]
        assert message["task_id"] == message["id"] == str(notice.id)
    finally:
        worker.terminate()
        worker.wait(60)
        telling.close()


def test_a_wrong_password_is_said_without_it(
    settings: Settings, told: dict[str, Any], broker: RabbitMQ
) -> None:
    telling = telling_to(settings, told, broker.url("hush-hush"))
    assert "ACCESS_REFUSED" in telling.notices[0].error
    assert "hush" not in telling.notices[0].error
    telling.close()


def test_a_broker_that_takes_nothing_for_want_of_memory_keeps_nobody_waiting_for_ever(
    settings: Settings, told: dict[str, Any], broker: RabbitMQ
) -> None:
    broker.control(
        "eval",
        'rabbit_amqqueue:declare({resource,<<"/">>,queue,<<"q">>},true,false,[{<<"x-queue-type">>,longstr,<<"quorum">>}],none,<<"us">>).',
    )
    broker.control("set_vm_memory_high_watermark", "0")
    try:
        telling = telling_to(settings, told, broker.url(), f"{NAME}/q")
        assert telling.states == ["waiting"]
    finally:
        broker.control("set_vm_memory_high_watermark", "0.4")
    telling.keep_telling()
    assert telling.states == ["told"]
    assert "q\tquorum" in broker.control("list_queues", "name", "type")
    telling.close()
