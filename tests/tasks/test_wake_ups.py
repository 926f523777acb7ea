"""A wake-up reaches its queue, unless that is full of wake-ups that nobody has taken."""

from __future__ import annotations

import pytest
from kombu.exceptions import OperationalError
from pydantic import SecretStr

from manager import Settings
from manager.ledger.connect import Ledger
from manager.semaphore import connect, queue_prefix
from manager.settings import AccountTable
from manager.steps.context import Wake
from manager.steps.registry import STEPS
from tasks import app as tasks_app
from tasks.app import App, queue_name, queue_names
from tasks.listener import wakes_of
from tasks.steps import send
from tests.steps.driver import closed_port

pytestmark = pytest.mark.integration
QUICK, MERGE = "enrichd.quick.crm", "enrichd.merge.crm"


@pytest.fixture
def two(settings: Settings) -> Settings:
    """Settings that serve the accounts crm and web."""
    return settings.model_copy(
        update={
            "vendor_api_key": None,
            "accounts": {"crm": AccountTable(), "web": AccountTable()},
        }
    )


@pytest.fixture
def app(two: Settings, ledger_id: str) -> App:
    return App(two, ledger_id)


@pytest.fixture
def ledger_id(settings: Settings) -> str:
    return Ledger(settings, "test").id()


def waiting(app: App) -> tuple[int, int]:
    return app.waiting(QUICK), app.waiting(MERGE)


@pytest.mark.parametrize(("step", "found"), [("sweep", (1, 0)), ("merge", (0, 1))])
def test_a_wake_up_waits_in_the_queue_of_its_step_and_account(
    app: App, step: str, found: tuple[int, int]
) -> None:
    send(app, Wake(step, "crm"))
    assert waiting(app) == found
    assert app.waiting("enrichd.quick.web") == app.waiting("enrichd.quick") == 0


def test_a_wake_up_of_the_machine_waits_in_no_accounts_queue(app: App) -> None:
    send(app, Wake("tidy"))
    assert app.waiting("enrichd.merge") == 1
    assert waiting(app) == (0, 0)


def test_a_worker_takes_from_the_queues_of_the_accounts_that_it_serves(two: Settings) -> None:
    assert queue_names(two, "quick") == ["enrichd.quick", "enrichd.quick.crm", "enrichd.quick.web"]
    for step in STEPS.values():
        assert queue_name(step.queue, "crm") in queue_names(two, step.queue)
        assert queue_name(step.queue, "another") not in queue_names(two, step.queue)


def test_beat_wakes_each_account_and_the_machine_itself_once(app: App) -> None:
    schedule = app.conf.beat_schedule
    assert set(schedule) == {
        *("sweep crm", "sweep web", "tell crm", "tell web"),
        *("tidy", "retain"),
    }
    assert schedule["sweep web"]["args"] == ["web"]
    assert schedule["sweep web"]["options"]["queue"] == "enrichd.quick.web"
    assert schedule["tidy"]["args"] == [""]


@pytest.mark.parametrize(
    ("asked", "woken"),
    [
        ("sweep crm", [Wake("sweep", "crm")]),
        ("look web", [Wake("look", "web")]),
        ("sweep", [Wake("sweep", "crm"), Wake("sweep", "web")]),  # a caller of the first release
        ("sweep another", []),
        ("merge crm", []),  # a step of a job
        ("tidy", []),
        ("nonsense crm", []),
        ("", []),
    ],
)
def test_a_notification_wakes_a_step_of_an_account_that_is_served(
    two: Settings, asked: str, woken: list[Wake]
) -> None:
    assert wakes_of(two, f"{two.database_schema} {asked}".strip()) == woken
    assert wakes_of(two, f"another_ledger {asked}".strip()) == []


def test_while_nobody_works_no_more_pile_up_than_the_limit(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_app, "MAX_WAITING", 3)
    for _ in range(10):
        send(app, Wake("merge", "crm"))
    assert waiting(app) == (0, 3)
    send(app, Wake("sweep", "crm"))
    assert waiting(app) == (1, 3), "the other queue has room"
    send(app, Wake("merge", "web"))
    assert app.waiting("enrichd.merge.web") == 1, "the other account's queue has room"


def test_what_has_been_taken_makes_room(
    app: App, settings: Settings, ledger_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_app, "MAX_WAITING", 1)
    send(app, Wake("sweep", "crm"))
    with connect(settings) as redis:
        assert redis.lpop(queue_prefix(ledger_id) + QUICK)
    send(app, Wake("sweep", "crm"))
    assert waiting(app) == (1, 0)


def test_two_ledgers_on_one_redis_never_take_each_others_wake_ups(two: Settings, app: App) -> None:
    another = App(two, "another-ledger")
    send(another, Wake("sweep", "crm"))
    assert (waiting(app), waiting(another)) == ((0, 0), (1, 0))


def test_without_redis_nothing_is_sent_and_nothing_raised(two: Settings, ledger_id: str) -> None:
    away = SecretStr(f"redis://127.0.0.1:{closed_port()}/0")
    app = App(two.model_copy(update={"redis_url": away}), ledger_id)
    send(app, Wake("sweep", "crm"))
    with pytest.raises(OperationalError):
        app.send_task("enrichd.sweep", queue=QUICK)
