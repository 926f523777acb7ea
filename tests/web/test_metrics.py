"""`/metrics`: one scrape at a time, none twice within seconds, an answer whatever is away."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from collections.abc import Callable

import pytest

from manager import Manager, Settings
from manager.operator.metrics import Collected
from manager.steps.context import Context
from manager.web import metrics as module
from manager.web.app import make_app
from manager.web.metrics import Scrapes

with warnings.catch_warnings():  # of a client that is to replace httpx some day
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


@pytest.mark.integration
def test_prometheus_gets_the_format_that_it_asks_for(settings: Settings) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    with TestClient(make_app(Context(settings, "web"))) as client:
        plain = client.get("/metrics")
        openmetrics = client.get(
            "/metrics",
            headers={"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"},
        )
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert plain.headers["content-type"].count("charset") == 1
    assert "\nenrichd_identifiers_waiting{account=" in plain.text
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


@pytest.mark.integration
def test_with_all_away_the_answer_is_that_it_is_not_up(settings: Settings) -> None:
    away = Settings(
        **settings.model_dump()
        | {
            "database_url": "postgresql://user:hunter2@127.0.0.1:1/enrichd",
            "redis_url": "redis://:hunter2@127.0.0.1:1/0",
        }
    )
    with TestClient(make_app(Context(away, "web"))) as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "\nenrichd_up 0.0\n" in answer.text
    assert 'enrichd_server_up{server="postgres"} 0.0' in answer.text
    assert "hunter2" not in answer.text


Scrape = Callable[[Context, Collected], Collected]


class Counted:
    """A scrape that a test holds and counts."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.calls = self.at_once = self.most = 0

    def __call__(self, _: Context, found: Collected) -> Collected:
        self.calls += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        found.put("up", 0)
        found.put("slots", self.calls, "test")
        self.go_on.wait(30)
        found.put("up", 1)
        self.at_once -= 1
        return found


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """In place of the real one."""
    made = Counted()
    monkeypatch.setattr(module, "scrape", made)
    return made


def up(found: Collected) -> float:
    return found.values["enrichd_up"][()]


def test_many_who_ask_at_once_get_one_scrape(settings: Settings, counted: Counted) -> None:
    async def ask() -> list[Collected]:
        scrapes = Scrapes(Context(settings, "web"))
        asked = [asyncio.create_task(scrapes.latest()) for _ in range(20)]
        while not counted.calls:
            await asyncio.sleep(0.001)
        counted.go_on.set()
        return [*await asyncio.gather(*asked), await scrapes.latest()]

    answers = asyncio.run(ask())
    assert [up(it) for it in answers] == [1] * 21
    assert counted.calls == 1


def test_what_is_not_fresh_any_more_is_read_anew(settings: Settings, counted: Counted) -> None:
    counted.go_on.set()

    async def ask() -> None:
        scrapes = Scrapes(Context(settings, "web"), fresh=0)
        await scrapes.latest()
        await scrapes.latest()

    asyncio.run(ask())
    assert counted.calls == 2


def test_one_that_hangs_is_answered_for_and_no_second_one_begins(
    settings: Settings, counted: Counted
) -> None:
    async def ask() -> None:
        scrapes = Scrapes(Context(settings, "web"), fresh=0, within=0.05)
        began = time.monotonic()
        for _ in range(3):
            found = await scrapes.latest()
            assert up(found) == 0
            assert found.values["enrichd_slots"] == {("test",): 1}, "what is known is told"
        assert time.monotonic() - began < 5
        assert (counted.calls, counted.most) == (1, 1)
        counted.go_on.set()
        while counted.at_once:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)

    asyncio.run(ask())


def test_a_fault_of_ours_is_no_500(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Context, found: Collected) -> Collected:
        found.put("up", 0)
        raise AssertionError("a fault")

    monkeypatch.setattr(module, "scrape", broken)
    with TestClient(make_app(Context(settings, "web"))) as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.text.endswith("\nenrichd_up 0.0\n")
