"""Notices stay as long as is set; what waits, and whom it is told, stays."""

from __future__ import annotations

from typing import Any

import pytest

from manager import Settings
from manager.steps.retain import retain
from tests.steps.driver import domains
from tests.steps.tell.conftest import Telling
from tests.steps.tell.receiver import Receiver, answer

pytestmark = pytest.mark.integration

DAY = 86_400


def retained(telling: Telling, **limits: Any) -> None:
    settings = telling.context.settings
    telling.context.settings = settings.model_copy(
        update={f"retain_{name}": value for name, value in limits.items()}
    )
    telling.execute("DELETE FROM retention")
    retain(telling.context)
    telling.context.settings = settings


def test_what_was_told_goes_after_a_month_with_its_history_and_what_waits_stays(
    telling: Telling, receiver: Receiver
) -> None:
    telling.note(1)
    telling.tell()
    receiver.always(answer(500))
    telling.note(2)
    telling.tell()
    telling.age(29 * DAY)
    retained(telling)
    assert len(telling.notices) == 2
    telling.age(2 * DAY)
    retained(telling)
    assert telling.states == ["waiting"]
    assert len(telling.rows("SELECT FROM notice_attempt")) == 1


def test_only_so_many_stay(telling: Telling) -> None:
    for number in range(5):
        telling.note(number)
    telling.tell()
    retained(telling, notices_count=2)
    assert [it.payload["number"] for it in telling.notices] == [3, 4]


def test_a_target_goes_when_nothing_names_it_any_more(telling: Telling, settings: Settings) -> None:
    waiting = telling.manager.enqueue("domains", domains(1), notify="pg:waiting")
    telling.manager.enqueue("domains", domains(1), notify="pg:done").cancel()
    telling.tell()
    telling.execute("UPDATE target SET created_at = created_at - interval '40 days'")
    retained(telling)
    assert len(telling.rows("SELECT FROM target")) == 3, "a notice names it"
    telling.age(31 * DAY)
    retained(telling)
    named = {it.address for it in telling.rows("SELECT address FROM target")}
    assert "pg:done" not in named
    assert len(named) == 2
    telling.settle(waiting.id, 1)
    telling.tell()
    assert set(telling.states) == {"told"}


def test_a_target_stays_with_a_request_that_may_be_open_again(telling: Telling) -> None:
    request = telling.manager.enqueue("domains", domains(1), notify="pg:again")
    finished = "UPDATE request SET {} = 1, finished_at = clock_timestamp() WHERE id = %(id)s"
    telling.execute(finished.format("failed"), id=request.id)
    telling.tell()
    telling.execute("UPDATE target SET created_at = created_at - interval '40 days'")
    telling.age(31 * DAY)
    retained(telling)
    assert telling.notices == []
    opened = "UPDATE request SET failed = 0, finished_at = NULL WHERE id = %(id)s"
    telling.execute(opened, id=request.id)
    telling.execute(finished.format("fulfilled"), id=request.id)
    told = telling.rows("SELECT t.address FROM notice n JOIN target t ON t.id = n.target_id")
    assert "pg:again" in {it.address for it in told}
