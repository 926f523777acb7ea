"""What docker-compose.yml starts works together."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from manager import Manager, Settings
from manager.run.processes import free_port
from manager.run.supervisor import ProcessSpec, Supervisor
from tests.compose.composed import ONE_SHOT, OURS, ROOT, SERVICES, TRIAL, environment

DOMAINS = ["fedex.com", "3m.com", "global.abb"]


class Here:
    """The services of ours as they stand in the file, on this machine instead of containers."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._tmp = directory
        self._replaced = {
            "/var/lib/enrichd": str(directory / "data"),
            "/etc/enrichd": str(ROOT / "config"),
            "0.0.0.0": "127.0.0.1",
            "//sandbox:": "//127.0.0.1:",
            "8460": str(free_port()),
            "8461": str(free_port()),
        }
        urls = {"DATABASE_URL": settings.postgres, "REDIS_URL": settings.redis}
        self._given = TRIAL | {f"ENRICHD_{name}": url for name, url in urls.items()}
        self._own = {
            "ENRICHD_DATABASE_SCHEMA": settings.database_schema,
            "ENRICHD_ACCOUNT": settings.account,
            "ENRICHD_LINGER": "0.1",
        }

    def process(self, name: str) -> ProcessSpec:
        given = environment(name, self._given).items()
        variables = self._own | {variable: self._local(name, it) for variable, it in given}
        argv = self._argv(name, SERVICES[name]["command"])
        return ProcessSpec(name, argv, variables, restart=name not in ONE_SHOT)

    def is_healthy(self, name: str) -> bool:
        kind, *test = SERVICES[name]["healthcheck"]["test"]
        shell = ["/bin/sh", "-c", self._local(name, test[0])]
        command = self._argv(name, test) if kind == "CMD" else shell
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0

    def _argv(self, name: str, words: list[str]) -> list[str]:
        program, *arguments = [self._local(name, word) for word in words]
        return [str(Path(sys.executable).with_name(program)), *arguments]

    def _local(self, name: str, text: str) -> str:
        text = text.replace("/tmp/", f"{self._tmp}/{name}-")  # each container has its own
        for there, here in self._replaced.items():
            text = text.replace(there, here)
        return text


@pytest.mark.daemon
def test_what_it_starts_enriches_and_is_healthy(settings: Settings, tmp_path: Path) -> None:
    here = Here(settings, tmp_path)
    stay = [name for name in OURS if name not in ONE_SHOT]
    migrate = Supervisor([here.process("migrate")], drain_timeout=5, log_dir=tmp_path)
    daemon = Supervisor([here.process(name) for name in stay], drain_timeout=20, log_dir=tmp_path)
    request = Manager(settings).enqueue("domains", [*DOMAINS, "nobody.invalid"])
    deadline = time.monotonic() + 60
    try:
        migrate.tick()
        while (now := request.progress()).waiting or not all(map(here.is_healthy, stay)):
            assert time.monotonic() < deadline, now
            migrate.tick()
            daemon.tick()
            time.sleep(0.1)
        assert now.fulfilled > 0
        assert now.fulfilled + now.not_found == len(DOMAINS) + 1
        assert migrate.status()[0].last_exit == "exit code 0"
        assert {it.name: it.restarts for it in daemon.status()} == dict.fromkeys(stay, 0)
    finally:
        killed = [*migrate.stop(), *daemon.stop()]
    assert killed == []
