"""The hub: what viewers of live pages see, asked for once however many they are.

One task a process renews the pages that anybody looks at, one after the other, so that it takes one
connection to the ledger at a time; each viewer is sent the fragments that differ from what that
viewer was sent last. Nothing queues up for a slow one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from manager.errors import UnavailableError

log = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds between two looks at a page
# A page that takes long is looked at less often: no more than a fifth of the time.
REST = 4
KEEP_ALIVE = 15.0
MOST_VIEWERS = 200
# How long ago something was is told by the viewer's own clock.
_AGO = re.compile(r'<i class="ago">[^<]*</i>')

Render = Callable[[], Mapping[str, str]]
Stream = AsyncGenerator[Mapping[str, str], None]


@dataclass(slots=True)
class _Topic:
    """A page that somebody looks at: its fragments' HTML by id, as they were last."""

    render: Render
    viewers: int = 0
    due: float = 0.0
    fragments: Mapping[str, str] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def renew(self) -> None:
        """Look again, and wake the viewers if anything has changed."""
        began = time.monotonic()
        fragments = await run_in_threadpool(self.render)
        now = time.monotonic()
        self.due = now + max(INTERVAL, REST * (now - began))
        if _marks(fragments) != _marks(self.fragments):
            self.fragments, news = fragments, self.news
            self.news = asyncio.Event()
            news.set()


class Hub:
    """The live pages of a process."""

    def __init__(self) -> None:
        self._topics: dict[Hashable, _Topic] = {}
        self._poller: asyncio.Task[None] | None = None
        self._kick = asyncio.Event()

    @property
    def viewers(self) -> int:
        """How many look at a page."""
        return sum(topic.viewers for topic in self._topics.values())

    def join(self, key: Hashable, render: Render) -> Stream:
        """Look at the page `key` that `render` makes, in a thread, from now on: its fragments,
        then those that change; empty ones now and then, to see whether the viewer is there.

        Raises UnavailableError when too many look already.
        """
        if self.viewers >= MOST_VIEWERS:
            raise UnavailableError(
                f"{MOST_VIEWERS} live pages are open at this process, which is the most; this one "
                "is shown as it was when it was loaded."
            )
        return self._follow(key, render)

    async def _follow(self, key: Hashable, render: Render) -> Stream:
        topic = self._topics.setdefault(key, _Topic(render))
        topic.viewers += 1  # here: what nobody begins to read is never ended, either
        sent: dict[str, str] = {}
        try:
            self._wake()
            while True:
                marks = _marks(topic.fragments)
                changed = {id for id, mark in marks.items() if sent.get(id) != mark}
                if not changed:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(topic.news.wait(), KEEP_ALIVE)
                        continue
                sent |= marks
                yield {id: html for id, html in topic.fragments.items() if id in changed}
        finally:
            topic.viewers -= 1
            if topic.viewers == 0 and self._topics.get(key) is topic:
                del self._topics[key]

    def _wake(self) -> None:
        self._kick.set()
        if self._poller is None or self._poller.done():
            self._kick = asyncio.Event()
            self._poller = asyncio.get_running_loop().create_task(self._poll())

    async def _poll(self) -> None:
        """Until nobody looks any more."""
        while self._topics:
            self._kick.clear()
            for topic in list(self._topics.values()):
                if topic.viewers and topic.due <= time.monotonic():
                    try:
                        await topic.renew()
                    except Exception:  # a page's own mistake must not stop the others
                        log.exception("a live page cannot be renewed")
                        topic.due = time.monotonic() + 10 * INTERVAL
            soonest = min((it.due for it in self._topics.values()), default=0.0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._kick.wait(), max(0.05, soonest - time.monotonic()))


def _marks(fragments: Mapping[str, str]) -> dict[str, str]:
    """What has to differ for a fragment to be sent again."""
    return {id: _AGO.sub("", html) for id, html in fragments.items()}
