"""The hub: one look for all who see the same page, and to each viewer what is new to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from manager.errors import UnavailableError
from manager.web.console import hub as module
from manager.web.console.hub import Hub

Fragments = Mapping[str, str]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.01)
    monkeypatch.setattr(module, "REST", 0)


class Pages:
    """A page whose fragments a test changes, and how often it was looked at."""

    def __init__(self) -> None:
        self.fragments: dict[str, str] = {"live_a": "1", "live_b": "1"}
        self.looks = 0

    def __call__(self) -> Fragments:
        self.looks += 1
        return dict(self.fragments)

    async def next_look(self) -> None:
        """Return when it was looked at once more."""
        seen = self.looks
        while self.looks <= seen + 1:
            await asyncio.sleep(0.005)


async def following(stream: AsyncIterator[Fragments]) -> Fragments:
    """What comes next; what only keeps the connection alive is passed over."""
    while True:
        got = await asyncio.wait_for(anext(stream), 10)
        if got:
            return got


async def close(*streams: AsyncIterator[Fragments]) -> None:
    """As when a viewer has gone."""
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]


def test_a_viewer_gets_all_first_and_then_what_changes() -> None:
    async def story() -> None:
        hub, page = Hub(), Pages()
        stream = hub.join("page", page)
        assert await following(stream) == {"live_a": "1", "live_b": "1"}
        page.fragments["live_b"] = "2"
        assert await following(stream) == {"live_b": "2"}
        await close(stream)

    asyncio.run(story())


def test_many_viewers_are_one_look_and_one_who_comes_later_gets_all() -> None:
    async def story() -> None:
        hub, page = Hub(), Pages()
        streams = [hub.join("page", page) for _ in range(20)]
        assert all([await following(it) for it in streams])
        assert page.looks <= 3
        late = hub.join("page", page)
        assert await following(late) == {"live_a": "1", "live_b": "1"}
        await close(late, *streams)
        assert hub.viewers == 0

    asyncio.run(story())


def test_a_slow_viewer_gets_the_newest_and_nothing_in_between() -> None:
    async def story() -> None:
        hub, page = Hub(), Pages()
        stream = hub.join("page", page)
        await following(stream)
        for number in range(5):
            page.fragments["live_a"] = f"changed {number}"
            await page.next_look()
        assert await following(stream) == {"live_a": "changed 4"}
        await close(stream)

    asyncio.run(story())


def test_how_long_ago_something_was_is_no_news() -> None:
    async def story() -> None:
        hub, page = Hub(), Pages()
        page.fragments = {"live_a": '<time>10:00 <i class="ago">1 s ago</i></time>'}
        stream = hub.join("page", page)
        await following(stream)
        page.fragments = {"live_a": '<time>10:00 <i class="ago">9 s ago</i></time>'}
        await page.next_look()
        page.fragments = {"live_a": "really new"}
        assert await following(stream) == {"live_a": "really new"}
        await close(stream)

    asyncio.run(story())


def test_nothing_is_looked_at_when_nobody_looks() -> None:
    async def story() -> None:
        hub, page = Hub(), Pages()
        stream = hub.join("page", page)
        await following(stream)
        await close(stream)
        await asyncio.sleep(0.05)
        seen = page.looks
        await asyncio.sleep(0.1)
        assert page.looks == seen
        again = hub.join("page", page)
        assert await following(again)
        await close(again)

    asyncio.run(story())


def test_one_page_that_fails_keeps_no_other_from_being_renewed() -> None:
    async def story() -> None:
        hub, page = Hub(), Pages()

        def broken() -> Fragments:
            raise RuntimeError("a mistake")

        bad, good = hub.join("bad", broken), hub.join("good", page)
        waiting = asyncio.create_task(following(bad))
        assert await following(good)
        page.fragments["live_a"] = "2"
        assert await following(good) == {"live_a": "2"}
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await close(good)

    asyncio.run(story())


def test_there_is_a_most_of_viewers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VIEWERS", 2)

    async def story() -> None:
        hub, page = Hub(), Pages()
        streams = [hub.join(number, page) for number in range(2)]
        for stream in streams:
            await following(stream)
        with pytest.raises(UnavailableError, match="2 live pages"):
            hub.join("another", page)
        await close(*streams)
        assert await following(hub.join("another", page))

    asyncio.run(story())
