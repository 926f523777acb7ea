"""Celery's tools can import the application: it is lazy, and no secret is in what it shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click import ClickException

from manager import Settings
from manager.errors import ConfigurationError
from manager.ledger.connect import Ledger
from manager.settings import AccountTable
from tasks import names
from tasks.app import App, RefusedError
from tests.steps.driver import closed_port

pytestmark = pytest.mark.integration
CELERY = str(Path(sys.executable).with_name("celery"))
ROOT = Path(__file__).parents[2]


def celery(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Celery's command, with no settings but these."""
    ours = {name: it for name, it in os.environ.items() if not name.startswith("ENRICHD_")}
    return subprocess.run(
        [CELERY, "-A", "tasks.app", *arguments],
        env=ours | variables | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_to_import_it_needs_no_settings_and_connects_to_nothing() -> None:
    look = (
        "import socket; socket.socket.connect = socket.getaddrinfo = None\n"
        "from tasks.app import app\n"
        "assert not {'settings', 'address', 'ledger_id'} & set(app.__dict__)\n"
    )
    subprocess.run(
        [sys.executable, "-c", look],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        cwd=ROOT / "tests",
        check=True,
    )


@pytest.mark.parametrize("command", [("report",), ("inspect", "ping"), ("status",)])
def test_without_settings_a_command_says_which_is_missing(command: tuple[str, ...]) -> None:
    done = celery(*command)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Redis's URL is not set. Set ENRICHD_REDIS_URL")
    assert "Traceback" not in done.stderr


def test_without_its_ledger_a_command_says_so_and_report_works() -> None:
    away = {
        "ENRICHD_REDIS_URL": "redis://:hunter2@127.0.0.1:1",
        "ENRICHD_DATABASE_URL": f"postgresql://u:hunter2@127.0.0.1:{closed_port()}/d",
        "ENRICHD_VENDOR_API_KEY": "hunter2",
    }
    done = celery("inspect", "ping", **away)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    told = celery("report", **away)
    assert told.returncode == 0
    assert "broker_url: 'redis://:********@127.0.0.1:1/0'" in told.stdout
    assert "hunter2" not in done.stdout + done.stderr + told.stdout + told.stderr


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_a_worker_started_by_hand_is_refused_with_the_command_that_starts_one(
    settings: Settings, command: str
) -> None:
    done = celery(command, ENRICHD_REDIS_URL=settings.redis, ENRICHD_DATABASE_URL=settings.postgres)
    assert done.returncode == 1
    assert f"A {command} is started with `enrichd {command}` (or `enrichd up`)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def secret(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "redis_url": Settings(redis_url="rediss://u:hunter2@127.0.0.1:1/3").redis_url,
            "accounts": {"crm": AccountTable(vendor_api_key="hunter2")},
        }
    )


def test_nothing_that_celery_shows_has_a_secret(secret: Settings) -> None:
    app = App(secret, "a-ledger")
    connection: Any = app.connection_for_write()
    shown = [
        app.bugreport(),
        repr(app.conf.table(with_defaults=True)),
        repr(connection.info()),
        connection.as_uri(),
        repr(connection),
        str(connection.clone().info()),
    ]
    assert not any("hunter2" in it for it in shown)
    assert connection.as_uri() == "rediss://u:**@127.0.0.1:1/3"
    assert "hunter2" in connection.as_uri(include_password=True), "for Flower's own client"


def test_anothers_celery_settings_do_not_reach_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "theirs.py").write_text("task_always_eager = True\nbroker_url = 'memory://'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "theirs")
    monkeypatch.setenv("CELERY_BROKER_URL", "memory://")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://nowhere")
    app = App(settings, Ledger(settings, "test").id())
    assert not app.conf.task_always_eager
    app.send_task("enrichd.sweep", ["default"])
    assert app.waiting("enrichd.quick.default") == 1


def test_events_are_sent_when_the_setting_says_so(settings: Settings) -> None:
    for wanted in (False, True):
        app = App(settings.model_copy(update={"task_events": wanted}), "a-ledger")
        assert app.conf.worker_send_task_events is app.conf.task_send_sent_event is wanted


@pytest.mark.parametrize(
    ("task", "arguments", "queue"),
    [
        ("enrichd.sweep", ["crm"], "enrichd.quick.crm"),
        ("enrichd.merge", ("crm", "id"), "enrichd.merge.crm"),
        ("enrichd.tidy", None, "enrichd.merge"),
    ],
)
def test_a_task_called_by_hand_goes_to_the_queue_of_its_step(
    settings: Settings, task: str, arguments: Any, queue: str
) -> None:
    app = App(settings, "a-ledger")
    app.send_task(task, arguments)
    assert app.waiting(queue) == 1


def test_a_task_that_is_none_is_refused(settings: Settings) -> None:
    with pytest.raises(RefusedError, match=r"nonsense is no task of ours; they are enrichd\.sweep"):
        App(settings, "a-ledger").send_task("nonsense")


def test_a_refusal_is_an_error_of_ours_and_one_that_commands_print() -> None:
    assert issubclass(RefusedError, ConfigurationError)
    assert issubclass(RefusedError, ClickException)


class TestNames:
    """Workers of one machine have names of their own, which say what they do and where."""

    @pytest.fixture(autouse=True)
    def _apart(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
        monkeypatch.setattr("socket.gethostname", lambda: "host")
        monkeypatch.setattr(names, "_claimed", [])

    @pytest.mark.parametrize(
        ("kinds", "name"),
        [
            (["quick"], "enrichd-quick@host"),
            (["merge"], "enrichd-merge@host"),
            (["quick", "merge"], "enrichd-worker@host"),
        ],
    )
    def test_a_name_tells_what_it_takes_and_where(self, kinds: list[str], name: str) -> None:
        assert names.claim(kinds, "a-ledger") == name

    def test_no_two_have_one_name(self) -> None:
        found = [names.claim(["quick"], "a-ledger") for _ in range(3)]
        assert found == [f"enrichd-quick{number}@host" for number in ("", "-2", "-3")]
        assert names.claim(["quick"], "another") == "enrichd-quick@host"

    def test_the_name_of_one_that_has_ended_is_free(self) -> None:
        names.claim(["quick"], "a-ledger")
        names.claim(["quick"], "a-ledger")
        os.close(names._claimed[0])
        assert names.claim(["quick"], "a-ledger") == "enrichd-quick@host"

    def test_without_a_folder_for_them_the_process_tells_them_apart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.gettempdir", lambda: "/proc/nowhere")
        assert names.claim(["quick"], "a-ledger") == f"enrichd-quick-{os.getpid()}@host"
