"""The ledger's id is asked for once, and nobody waits for it twice."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from manager import Settings, UnavailableError
from manager.steps.context import Context
from manager.web import ledger_id
from manager.web.ledger_id import LedgerId


class Ledger(Context):
    """A ledger that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(Settings(), "test")
        self.asked = 0
        self.answers = threading.Event()
        self.fails = False

    @property
    def ledger_id(self) -> str:
        self.asked += 1
        if self.fails:
            raise UnavailableError("away")
        assert self.answers.wait(20)
        return "the id"


def test_it_is_asked_for_once_however_many_come() -> None:
    async def ask() -> list[str | None]:
        known = LedgerId(ledger)
        found = asyncio.gather(*(known.get() for _ in range(20)))
        await asyncio.sleep(0)
        ledger.answers.set()
        return [*await found, await known.get()]

    ledger = Ledger()
    assert asyncio.run(ask()) == ["the id"] * 21
    assert ledger.asked == 1


def test_while_it_hangs_only_the_first_waits_and_it_is_found_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_id, "PATIENCE", 0.05)

    async def ask() -> None:
        known = LedgerId(ledger)
        assert await known.get() is None
        began = time.monotonic()
        assert [await known.get() for _ in range(200)] == [None] * 200
        assert time.monotonic() - began < 5, "none of them has waited"
        ledger.answers.set()
        while await known.get() is None:
            await asyncio.sleep(0.01)

    ledger = Ledger()
    asyncio.run(ask())
    assert ledger.asked == 1


def test_while_it_is_away_it_is_asked_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        known = LedgerId(ledger)
        for _ in range(50):
            assert await known.get() is None
        assert ledger.asked < 50
        ledger.fails = False
        ledger.answers.set()
        while await known.get() is None:
            await asyncio.sleep(0.01)

    monkeypatch.setattr(ledger_id, "AGAIN", 0.2)
    ledger = Ledger()
    ledger.fails = True
    asyncio.run(ask())
