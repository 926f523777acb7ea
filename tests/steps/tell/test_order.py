"""Order: of one request and target a later notice waits for an earlier one, whatever happens."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager import Settings
from tests.steps.driver import domains
from tests.steps.patience import until
from tests.steps.tell.conftest import Telling
from tests.steps.tell.receiver import Receiver, answer, pause, reset

pytestmark = pytest.mark.integration

# What a receiver does, in order of the POSTs that come; then it takes all.
FAULTS = {"taken": answer(200), "slowly refused": pause(0.3, 500), "reset": reset}


class Requests:
    """Some requests that settle bit by bit, all told to one receiver, by several workers."""

    def __init__(self, telling: Telling, workers: list[Telling], receiver: Receiver) -> None:
        self.telling = telling
        self.workers = workers
        self.receiver = receiver
        self.begun: list[threading.Thread] = []

    def run(self, steps: list[Any], faults: list[str]) -> None:
        begin = len(self.receiver.received)
        self.receiver.fail(*(FAULTS[it] for it in faults))
        manager = self.telling.manager
        name = f"order_{begin}"
        ids = [
            manager.enqueue("domains", domains(10), fields=[f"{name}.f{it}"]).id for it in range(3)
        ]
        left = dict.fromkeys(ids, 10)
        for which, count in [*steps, *((it, 10) for it in range(3))]:
            if count := min(count, left[ids[which]]):
                self.telling.settle(ids[which], count)
                left[ids[which]] -= count
                self.begin_to_tell(self.workers[which])
        for run in self.begun:
            run.join()
        for _ in range(40):
            self.telling.hasten()
            self.tell_at_once()
            if not self.telling.rows("SELECT FROM notice WHERE state = 'waiting'"):
                break
        self.check({str(id) for id in ids}, begin)

    def begin_to_tell(self, worker: Telling) -> None:
        """Go on as soon as somebody is being told, so that more happens meanwhile."""
        begun, seen = threading.Thread(target=worker.tell), len(self.receiver.received)
        begun.start()
        self.begun.append(begun)
        until(lambda: len(self.receiver.received) > seen or not begun.is_alive())

    def tell_at_once(self) -> None:
        runs = [threading.Thread(target=it.tell) for it in self.workers]
        for run in runs:
            run.start()
        for run in runs:
            run.join()

    def check(self, ids: set[str], begin: int) -> None:
        told: dict[str, list[tuple[str, int]]] = defaultdict(list)
        posted: dict[str, list[int]] = defaultdict(list)
        for got in self.receiver.received[begin:]:
            data = got.message["data"]
            posted[data["request_id"]].append(data["settled"])
            if got.fault in (None, FAULTS["taken"]):
                told[data["request_id"]].append((got.message["type"], data["settled"]))
        assert set(told) == ids, "nobody is left untold"
        for id in ids:
            settled = [count for _, count in told[id]]
            assert settled == sorted(set(settled)), "in order, each once when all goes well"
            assert posted[id] == sorted(posted[id]), "nor is an earlier one tried after a later one"
            assert [event for event, _ in told[id]].count("request.finished") == 1
            assert told[id][-1] == ("request.finished", 10)


@pytest.fixture
def requests(settings: Settings, told: dict[str, Any], receiver: Receiver, telling: Telling) -> Any:
    changed = settings.model_copy(update=told | {"notify": [receiver.url]})
    workers = [Telling(changed) for _ in range(3)]
    yield Requests(telling, workers, receiver)
    for it in workers:
        it.close()


@pytest.mark.slow
def test_in_order_whatever_is_refused_and_however_many_tell(requests: Requests) -> None:
    steps = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=8)

    @settings(max_examples=15, deadline=None)
    @given(steps, st.lists(st.sampled_from(sorted(FAULTS)), min_size=3, max_size=8))
    def any_of_them(steps: list[Any], faults: list[str]) -> None:
        requests.run(steps, faults)

    any_of_them()


def test_the_end_waits_while_another_process_tells_of_progress(
    telling: Telling, receiver: Receiver
) -> None:
    request = telling.manager.enqueue("domains", domains(10))
    telling.settle(request.id, 5)
    telling.execute("UPDATE notice SET leased_until = now() + interval '1 hour', attempts = 1")
    telling.settle(request.id, 5)
    telling.tell()
    assert telling.states == ["waiting", "waiting"], "what is being told is not made old"
    assert receiver.received == []
    telling.age(2 * 3600)
    telling.tell()
    assert [it["type"] for it in receiver.messages] == ["request.progress", "request.finished"]
