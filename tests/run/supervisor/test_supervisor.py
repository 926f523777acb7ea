from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import manager
from manager.errors import ConfigurationError
from manager.run.supervisor import ProcessSpec, Supervisor
from manager.run.supervisor import child as child_module
from manager.run.supervisor.child import Child

Supervise = Callable[..., Supervisor]
Eventually = Callable[..., bool]

PATIENT = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + PATIENT
# As celery's prefork pool: children of its own, and here the worst ones.
FAMILY = f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
children = [subprocess.Popen([sys.executable, "-c", {STUBBORN!r}]) for _ in range(2)]
print("family", os.getpid(), *[child.pid for child in children], flush=True)
time.sleep(600)
"""


def python(name: str, program: str, **options: object) -> ProcessSpec:
    return ProcessSpec(name, [sys.executable, "-c", program], **options)  # type: ignore[arg-type]


def log_of(log_dir: Path, name: str) -> str:
    path = log_dir / f"{name}.log"
    return path.read_text() if path.exists() else ""


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family_of(log_dir: Path, name: str) -> list[int]:
    lines = [line for line in log_of(log_dir, name).splitlines() if line.startswith("family")]
    return [int(pid) for pid in lines[-1].split()[1:]] if lines else []


def test_a_process_runs_with_its_environment_in_a_session_of_its_own(
    supervise: Supervise, eventually: Eventually, log_dir: Path
) -> None:
    program = "import os; print(os.environ['LANE'], os.getsid(0), flush=True)\n" + PATIENT
    supervisor = supervise(python("worker", program, env={"LANE": "merge"}))
    supervisor.tick()
    (status,) = supervisor.status()

    assert status.pid is not None
    assert status.pid != os.getpid()
    assert eventually(lambda: f"merge {status.pid}\nready" in log_of(log_dir, "worker"))
    assert psutil.Process(status.pid).cmdline()[-1] == program
    assert psutil.Process(status.pid).children() == []
    assert (status.restarts, status.last_exit) == (0, None)


def test_a_dead_process_is_started_again_and_its_end_explained(
    supervise: Supervise,
    eventually: Eventually,
    log_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "manager.run.supervisor")
    supervisor = supervise(
        python("worker", "import sys; print('one', flush=True); sys.exit('no broker')")
    )

    assert eventually(lambda: supervisor.status()[0].restarts >= 2, supervisor.tick)

    (status,) = supervisor.status()
    assert status.last_exit == "exit code 1"
    assert "process.ended child=worker" in caplog.text
    assert "how=exit code 1 again_in=0." in caplog.text
    assert "last_line=no broker" in caplog.text
    assert log_of(log_dir, "worker").count("no broker") >= 2


@pytest.mark.parametrize("deaths", [0, 1, 5, 2000])
def test_the_wait_before_a_restart_doubles_within_bounds(deaths: int) -> None:
    child = Child(ProcessSpec("worker", []), None, wait=0.5, wait_max=30.0)
    child._early_deaths = deaths
    longest = min(30.0, 0.5 * 2 ** min(deaths, 100))
    assert longest / 2 <= child._schedule(0.0) <= longest


def test_a_process_that_ran_well_for_a_while_is_restarted_without_delay(
    supervise: Supervise, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "SETTLED_AFTER", 0.0)
    supervisor = supervise(python("worker", "pass"), restart_wait=0.02)
    assert eventually(lambda: supervisor.status()[0].restarts >= 3, supervisor.tick)
    assert supervisor._children[0]._early_deaths <= 1


def test_a_process_that_is_to_run_once_is_not_started_again(
    supervise: Supervise, eventually: Eventually
) -> None:
    supervisor = supervise(python("migrate", "pass", restart=False))
    assert eventually(lambda: supervisor.status()[0].last_exit == "exit code 0", supervisor.tick)
    supervisor.tick()
    assert supervisor.status()[0].pid is None


def test_a_command_that_does_not_exist_is_named(
    supervise: Supervise, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = supervise(ProcessSpec("web", ["/no/such/program"]))
    assert eventually(lambda: supervisor.status()[0].last_exit, supervisor.tick)
    assert supervisor.status()[0].last_exit == "exit code 127"
    assert "/no/such/program cannot be run: No such file or directory" in caplog.text


def test_stop_lets_processes_end_by_themselves(
    supervise: Supervise, eventually: Eventually, log_dir: Path
) -> None:
    program = (
        "import signal, time\n"
        "def drain(*_): print('drained', flush=True); raise SystemExit(0)\n"
        "signal.signal(signal.SIGTERM, drain)\n" + PATIENT
    )
    supervisor = supervise(python("worker", program), python("beat", program))
    supervisor.tick()
    assert eventually(lambda: all("ready" in log_of(log_dir, name) for name in ("worker", "beat")))

    assert supervisor.stop() == []

    assert [status.last_exit for status in supervisor.status()] == ["exit code 0"] * 2
    assert "drained" in log_of(log_dir, "beat")
    assert supervisor.stop() == []
    supervisor.tick()
    assert [status.pid for status in supervisor.status()] == [None, None]


def test_stop_kills_what_does_not_end_with_all_its_children(
    supervise: Supervise, eventually: Eventually, log_dir: Path
) -> None:
    supervisor = supervise(python("worker", FAMILY), python("beat", PATIENT))
    supervisor.tick()
    assert eventually(lambda: family_of(log_dir, "worker"))
    assert eventually(lambda: "ready" in log_of(log_dir, "beat"))

    assert supervisor.stop(0.5) == ["worker"]

    assert eventually(lambda: not any(map(alive, family_of(log_dir, "worker"))))
    assert [status.last_exit for status in supervisor.status()] == ["SIGKILL", "SIGTERM"]


def test_the_children_of_a_process_that_died_are_gone_before_it_is_started_again(
    supervise: Supervise, eventually: Eventually, log_dir: Path
) -> None:
    supervisor = supervise(python("worker", FAMILY))
    supervisor.tick()
    assert eventually(lambda: family_of(log_dir, "worker"))
    leader, *children = family_of(log_dir, "worker")

    os.kill(leader, signal.SIGKILL)
    assert eventually(lambda: supervisor.status()[0].restarts == 1, supervisor.tick)

    assert not any(map(alive, children))


def test_a_process_without_progress_is_replaced_though_it_ignores_sigterm(
    supervise: Supervise,
    eventually: Eventually,
    log_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spec = python("worker", STUBBORN, progress=lambda: 99.0, stalled_after=0.5)
    supervisor = supervise(spec, drain_timeout=0.2)
    supervisor.tick()
    first = supervisor.status()[0].pid
    assert eventually(lambda: "ready" in log_of(log_dir, "worker"))

    assert eventually(lambda: supervisor.status()[0].restarts == 1, supervisor.tick)

    assert f"process.replaced child=worker its_pid={first} why=runs but has made" in caplog.text
    assert "why=it ignores SIGTERM" in caplog.text


def test_progress_that_is_unknown_or_recent_replaces_nothing(
    supervise: Supervise, eventually: Eventually
) -> None:
    asked: list[str] = []

    def unknown() -> None:
        asked.append("unknown")

    def broken() -> float:
        asked.append("broken")
        raise ConnectionError

    def recent() -> float:
        asked.append("recent")
        return 0.01

    supervisor = supervise(
        *(
            python(progress.__name__, PATIENT, progress=progress, stalled_after=0.1)
            for progress in (unknown, broken, recent)
        )
    )
    supervisor.tick()
    pids = [status.pid for status in supervisor.status()]
    assert eventually(lambda: len(asked) >= 9, supervisor.tick)
    assert [status.pid for status in supervisor.status()] == pids


def test_a_heartbeat_that_fails_is_logged_once_without_passwords(
    supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionError("redis://:hunter2@127.0.0.1:1/0 refuses")

    supervisor = supervise(heartbeat=fail)
    supervisor.tick()
    supervisor.tick()
    assert caplog.text.count("heartbeat.failed") == 1
    assert "hunter2" not in caplog.text


def test_two_processes_cannot_share_a_name(supervise: Supervise) -> None:
    with pytest.raises(ConfigurationError, match="same name"):
        supervise(python("worker", PATIENT), python("worker", PATIENT))


def test_run_forever_ends_with_its_event(supervise: Supervise, eventually: Eventually) -> None:
    stop = threading.Event()
    supervisor = supervise(python("worker", PATIENT))
    results: list[list[str]] = []
    thread = threading.Thread(target=lambda: results.append(supervisor.run_forever(stop)))
    thread.start()
    assert eventually(lambda: supervisor.status()[0].pid)
    stop.set()
    thread.join(10.0)
    assert results == [[]]
    assert supervisor.status()[0].pid is None


SUPERVISOR = """
import sys, threading
from pathlib import Path
from manager.run.supervisor import ProcessSpec, Supervisor
command = [sys.executable, "-c", sys.argv[2]]
specs = [ProcessSpec(name, command) for name in ("one", "two")]
supervisor = Supervisor(specs, drain_timeout=5.0, log_dir=Path(sys.argv[1]))
supervisor.tick()
print("started", flush=True)
supervisor.run_forever(threading.Event())
"""


@pytest.fixture
def supervisor_process(log_dir: Path) -> Callable[[str], subprocess.Popen[bytes]]:
    def start(program: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(log_dir), program],
            env={**os.environ, "PYTHONPATH": str(Path(manager.__file__).parents[1])},
            stdout=subprocess.PIPE,
        )

    return start


def lifelines_in(log_dir: Path) -> list[int]:
    """Pids of all processes that the supervisor under test started, guards included."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SUPERVISED_TEST") == str(log_dir):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_a_killed_supervisor_takes_even_stubborn_grandchildren_with_it(
    supervisor_process: Callable[[str], subprocess.Popen[bytes]],
    eventually: Eventually,
    log_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPERVISED_TEST", str(log_dir))
    process = supervisor_process(FAMILY)
    assert eventually(lambda: family_of(log_dir, "one") and family_of(log_dir, "two"))
    family = family_of(log_dir, "one") + family_of(log_dir, "two")
    assert len(family) == 6
    assert all(map(alive, family))
    assert len(lifelines_in(log_dir)) == 1 + 2 + 6  # supervisor, guards, families

    process.kill()
    process.communicate()

    assert eventually(lambda: not any(map(alive, family)))
    assert eventually(lambda: not lifelines_in(log_dir))


def test_a_supervisor_killed_right_after_starting_leaves_nothing(
    supervisor_process: Callable[[str], subprocess.Popen[bytes]],
    eventually: Eventually,
    log_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPERVISED_TEST", str(log_dir))
    process = supervisor_process(STUBBORN)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    assert eventually(lambda: not lifelines_in(log_dir))
