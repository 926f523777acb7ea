"""Postgres goes away and comes back, or another takes its place: the daemon goes on by itself."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from manager import Manager, Settings, UnavailableError
from manager.ledger import migrate
from manager.ledger.connect import Ledger
from manager.steps.context import Wake
from tasks import listener
from tasks.app import App
from tests.foreign.main_job import at
from tests.foreign.postgres import ForeignPostgres

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]

LISTENING = "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN enrichd_wake'"
END = f"SELECT pg_terminate_backend(pid) FROM ({LISTENING}) AS listening"
# On a busy machine; it is a second or two on one that is not.
WITHIN = 30.0


class Ear:
    """The listener, and what it has heard."""

    def __init__(self, settings: Settings) -> None:
        self._heard: queue.Queue[Wake] = queue.Queue()
        self._settings = settings
        self._stop = threading.Event()
        app = App(settings, "ledger")
        self._thread = threading.Thread(target=listener.listen, args=(app, settings, self._stop))
        self._thread.start()

    def hear(self, _: object, wake: Wake) -> None:
        self._heard.put(wake)

    def hears(self) -> bool:
        """Whether an enqueue, repeated every second, is heard."""
        while not self._heard.empty():
            self._heard.get()
        for _ in range(int(WITHIN)):
            try:
                Manager(self._settings).enqueue("domains", ["a.com"], max_age=0)
                return self._heard.get(timeout=1).step == "pack"
            except (queue.Empty, UnavailableError):
                continue
        return False

    def end(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[ForeignPostgres]:
    """One to be broken."""
    made = ForeignPostgres.made(15)
    made.start()
    yield made
    made.remove()


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Ear]]:
    listening: list[Ear] = []
    monkeypatch.setattr(listener, "send", lambda app, wake: listening[-1].hear(app, wake))
    monkeypatch.setattr(listener, "TURN", 0.5)
    yield listening
    for ear in listening:
        ear.end()


def test_the_listener_goes_on_after_whatever_happened(
    server: ForeignPostgres, settings: Settings, ears: list[Ear], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = at(settings, server.url())
    migrate.upgrade(there)
    ears.append(Ear(there))
    assert ears[0].hears()
    server.execute(END)
    assert ears[0].hears(), "after the end of its session"
    server.restart()
    assert ears[0].hears(), "after a restart"
    failing = [ValueError("not from Postgres"), KeyError("nor this")]

    def fail_first(app: object, wake: Wake) -> None:
        if failing:
            raise failing.pop()
        ears[0].hear(app, wake)

    monkeypatch.setattr(listener, "send", fail_first)
    assert ears[0].hears(), "after an error of any kind"


def test_a_standby_is_refused_until_it_is_promoted_and_then_all_goes_on_there(
    server: ForeignPostgres, settings: Settings, ears: list[Ear]
) -> None:
    migrate.upgrade(at(settings, server.url()))
    standby = server.standby()
    try:
        alone = at(settings, standby.url())
        with pytest.raises(UnavailableError, match="is a standby in recovery"):
            Ledger(alone, "test").check_for_daemon()
        with pytest.raises(UnavailableError, match="is a standby in recovery"):
            Manager(alone).enqueue("domains", ["a.com"])
        hosts = f"127.0.0.1:{server.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
        ears += [Ear(at(settings, url))]
        assert ears[-1].hears()
        server.stop()
        standby.execute("SELECT pg_promote()")
        assert ears[-1].hears(), "on the other host"
        ears += [Ear(alone)]
        assert ears[-1].hears()
    finally:
        standby.remove()


def test_a_listener_that_begins_in_recovery_hears_after_the_promotion(
    server: ForeignPostgres, settings: Settings, ears: list[Ear]
) -> None:
    migrate.upgrade(at(settings, server.url()))
    standby = server.standby()
    try:
        ears.append(Ear(at(settings, standby.url())))
        server.stop()
        standby.execute("SELECT pg_promote()")
        assert ears[0].hears()
    finally:
        standby.remove()
