"""`python -m sandbox`: a process of its own, which remembers if it has a data directory."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from sandbox import Sandbox, SandboxControl

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

pytestmark = pytest.mark.integration


@contextlib.contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "sandbox", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield running, running.stdout.readline().split()[-1]
        finally:
            running.terminate()


def ended(running: subprocess.Popen[str], number: signal.Signals) -> int:
    running.send_signal(number)
    return running.wait(timeout=10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_even_while_a_call_hangs(number: signal.Signals) -> None:
    with process() as (running, url), SandboxControl(url) as control:
        control.fault("list", "hang", times=None)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/batch", timeout=0.2, trust_env=False)
        assert ended(running, number) == 0


def test_it_knows_its_jobs_after_being_killed(caller: Caller, tmp_path: Path) -> None:
    options = ["--api-key", "key-of-the-tests", "--data-dir", str(tmp_path), "--credits", "9"]
    with process(*options) as (running, url), SandboxControl(url) as control:
        caller.http.base_url = httpx.URL(url)
        done = caller.submit(names=["FedEx", "3M"])
        control.advance(60)
        link = caller.status(done)["download_url"]
        content = caller.download(link).content
        control.set(pending_seconds=1000)
        active = caller.submit(names=["ABB"])
        before = control.record()
        ended(running, signal.SIGKILL)
    with process(*options) as (_, again), SandboxControl(again) as control:
        caller.http.base_url = httpx.URL(again)
        assert control.record() == before
        assert caller.status(active)["status"] == "pending"
        assert caller.download(link.replace(url, again)).content == content


def test_every_setting_is_an_option() -> None:
    options = ["--calls-per-minute", '{"list": 3}', "--webhook-mode", "lost", "--frozen", "true"]
    with process(*options) as (_, url), SandboxControl(url) as control:
        settings = control.settings()
    assert settings["calls_per_minute"] == {"list": 3}
    assert (settings["webhook_mode"], settings["frozen"]) == ("lost", True)


def test_faults_can_be_ordered_from_the_start() -> None:
    fault = '{"route": "submit", "kind": "ends_as", "word": "expired", "times": null}'
    options = ["--fault", fault, "--fault", '{"route": "list", "kind": "html"}']
    with process(*options) as (_, url), SandboxControl(url) as control:
        shown = [(fault["kind"], fault["times"]) for fault in control.faults()]
    assert shown == [("ends_as", None), ("html", 1)]


def test_what_another_version_wrote_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"type": "accepted", "job": {}}\n')
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--data-dir", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "another data directory" in run.stderr


def test_a_port_in_use_is_said_in_one_line(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    command = [sys.executable, "-m", "sandbox", "--port", port]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert port in run.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--cap", "many"], "$.cap"), (["--fault", '{"route": "list", "kind": "bom"}'], "list has")],
)
def test_a_bad_option_is_refused(options: list[str], said: str) -> None:
    command = [sys.executable, "-m", "sandbox", *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert run.returncode == 2
    assert said in run.stderr


def test_without_a_data_directory_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Sandbox() as sandbox:
        assert sandbox.record()["jobs"] == []
    assert list(tmp_path.iterdir()) == []


def test_it_starts_again_after_it_was_stopped(tmp_path: Path) -> None:
    sandbox = Sandbox(data_dir=tmp_path)
    for _ in range(2):
        with sandbox:
            sandbox.foreign(seconds=1000)
            jobs = sandbox.record()["jobs"]
    assert len(jobs) == 2
