"""Webhooks: a POST to the job's webhook when it ends."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from sandbox import Sandbox

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

pytestmark = pytest.mark.integration


class Receiver:
    """Receives webhooks."""

    def __init__(self) -> None:
        self.bodies: queue.Queue[bytes] = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.put(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.mark.parametrize(("mode", "copies"), [("normal", 1), ("doubled", 2)])
def test_a_webhook_is_posted_when_a_job_ends(
    caller: Caller, sandbox: Sandbox, receiver: Receiver, mode: str, copies: int
) -> None:
    sandbox.set(webhook_mode=mode)
    batch_id = caller.submit(names=["FedEx"], webhook_url=receiver.url)
    assert receiver.bodies.empty()
    sandbox.advance(60)
    for _ in range(copies):
        body = json.loads(receiver.bodies.get(timeout=5))
        assert (body["batch_id"], body["status"]) == (batch_id, "completed")
        assert "download_url" not in body


def test_a_webhook_can_be_lost(caller: Caller, sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.set(webhook_mode="lost")
    caller.submit(names=["FedEx"], webhook_url=receiver.url)
    sandbox.advance(60)
    assert sandbox.record()["calls"]["webhook"] == {"lost": 1}
    sandbox.set(webhook_mode="normal")
    later = caller.submit(names=["FedEx"], webhook_url=receiver.url)
    sandbox.advance(60)
    assert json.loads(receiver.bodies.get(timeout=5))["batch_id"] == later


def test_a_webhook_can_be_garbage(caller: Caller, sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.fault("webhook", "garbage")
    caller.submit(names=["FedEx"], webhook_url=receiver.url)
    sandbox.advance(60)
    with pytest.raises(json.JSONDecodeError):
        json.loads(receiver.bodies.get(timeout=5))


def test_a_job_ends_by_itself_when_the_clock_runs(
    caller: Caller, sandbox: Sandbox, receiver: Receiver
) -> None:
    sandbox.set(frozen=False, speed=1000)
    caller.submit(names=["FedEx"], webhook_url=receiver.url)
    assert receiver.bodies.get(timeout=5)
