"""At least once: a process that dies between telling and writing it down tells again, by one id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from manager import Settings
from tests.steps.tell.conftest import SECRET, Telling
from tests.steps.tell.receiver import Receiver

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TELL = """
from manager import faultpoint
from manager.settings import load_settings
from manager.steps.context import Context
from manager.steps.tell import tell
settings = load_settings()
faultpoint.arm(settings.fault_points)
context = Context(settings, "test")
tell(context, context.account(settings.account))
"""


def tell_and_die(settings: Settings, receiver: Receiver, point: str) -> int:
    """The step in a process of its own, with a fault point armed; how it ended."""
    environment = {
        "ENRICHD_DATABASE_URL": settings.postgres,
        "ENRICHD_REDIS_URL": settings.redis,
        "ENRICHD_DATABASE_SCHEMA": settings.database_schema,
        "ENRICHD_ACCOUNT": settings.account,
        "ENRICHD_VENDOR_API_KEY": "test-key",
        "ENRICHD_NOTIFY": json.dumps([receiver.url]),
        "ENRICHD_NOTIFY_ALLOW": '["127.0.0.1"]',
        "ENRICHD_NOTIFY_SECRETS": json.dumps({"default": [SECRET]}),
        "ENRICHD_FAULT_POINTS": json.dumps({point: "kill"}),
    }
    done = subprocess.run([sys.executable, "-c", TELL], env=os.environ | environment, check=False)
    return done.returncode


@pytest.mark.parametrize(
    ("point", "posted"),
    [("after tell.claim", 0), ("before tell.commit", 1), ("before tell.write_down", 1)],
)
def test_kill_9_loses_nothing_and_tells_again_with_the_same_id(
    telling: Telling, receiver: Receiver, settings: Settings, point: str, posted: int
) -> None:
    telling.note(7)
    assert tell_and_die(settings, receiver, point) == -signal.SIGKILL
    assert len(receiver.received) == posted
    assert telling.states == ["waiting"]
    if point != "after tell.claim":  # that one was not even committed
        telling.tell()
        assert len(receiver.received) == posted, "nobody else tells while the lease lasts"
        telling.age(120)
    telling.tell()
    assert len(receiver.received) == posted + 1
    assert len({it.id for it in receiver.received}) == 1
    assert telling.states == ["told"]
    assert receiver.messages[-1]["data"] == {"number": 7}


def test_an_answer_that_comes_after_the_lease_is_written_down_all_the_same(
    telling: Telling, receiver: Receiver
) -> None:
    telling.note()
    telling.tell()
    telling.execute("UPDATE notice SET state = 'waiting', ended_at = NULL, attempts = 2")
    telling.hasten()
    telling.tell()
    assert [it["attempt"] for it in receiver.messages] == [1, 3]
    assert telling.states == ["told"]
