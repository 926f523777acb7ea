"""A wake-up reaches its queue, unless that is full of wake-ups that nobody has taken."""

from __future__ import annotations

import pytest
from kombu.exceptions import OperationalError
from pydantic import SecretStr

from manager import Settings
from manager.semaphore import connect
from manager.steps.context import Wake
from tasks import app as tasks_app
from tasks.app import MERGE, QUICK, App, make_app
from tasks.steps import send
from tests.steps.driver import closed_port

pytestmark = pytest.mark.integration


@pytest.fixture
def app(settings: Settings) -> App:
    return make_app(settings)


def waiting(app: App) -> tuple[int, int]:
    return app.waiting(QUICK), app.waiting(MERGE)


@pytest.mark.parametrize(("step", "found"), [("sweep", (1, 0)), ("merge", (0, 1))])
def test_a_wake_up_waits_in_the_queue_of_its_step(
    app: App, step: str, found: tuple[int, int]
) -> None:
    send(app, Wake(step))  # type: ignore[arg-type]
    assert waiting(app) == found


def test_while_nobody_works_no_more_pile_up_than_the_limit(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_app, "MAX_WAITING", 3)
    for _ in range(10):
        send(app, Wake("merge"))
    assert waiting(app) == (0, 3)
    send(app, Wake("sweep"))
    assert waiting(app) == (1, 3), "the other queue has room"


def test_what_has_been_taken_makes_room(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_app, "MAX_WAITING", 1)
    send(app, Wake("sweep"))
    with connect(settings) as redis:
        assert redis.lpop(f"enrichd:{settings.database_schema}:{QUICK}")
    send(app, Wake("sweep"))
    assert waiting(app) == (1, 0)


def test_without_redis_nothing_is_sent_and_nothing_raised(settings: Settings) -> None:
    away = SecretStr(f"redis://127.0.0.1:{closed_port()}/0")
    app = make_app(settings.model_copy(update={"redis_url": away}))
    send(app, Wake("sweep"))
    with pytest.raises(OperationalError):
        app.send_task("enrichd.sweep")
