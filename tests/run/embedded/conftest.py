from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import manager
from manager.run.embedded import EmbeddedServers, processes

OWNER = """
import json, os, sys
from pathlib import Path
from manager.run.embedded import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]), ephemeral=json.loads(sys.argv[2]))
print(json.dumps({"starting": True}), flush=True)
servers.start()
bystander = os.fork() if json.loads(sys.argv[3]) else None
if bystander != 0:
    urls = {"database_url": servers.database_url, "redis_url": servers.redis_url}
    print(json.dumps({"pids": servers.pids, "bystander": bystander, **urls}), flush=True)
sys.stdin.read()
servers.stop() if bystander != 0 else os._exit(0)
"""


class Owner:
    """A process of its own that starts the servers and then only waits."""

    def __init__(self, data_dir: Path, *, ephemeral: bool = False, forks: bool = False) -> None:
        source_root = str(Path(manager.__file__).parents[1])
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, data_dir, json.dumps(ephemeral), json.dumps(forks)],
            env={**os.environ, "PYTHONPATH": source_root},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.read()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        content: dict[str, Any] = json.loads(self.process.stdout.readline())
        return content

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose servers do not outlive the test."""
    path = tmp_path / "data"
    yield path
    processes.remove(path, EmbeddedServers(path)._marker)


@pytest.fixture
def owner(data_dir: Path) -> Iterator[Callable[..., Owner]]:
    started: list[Owner] = []

    def start(**options: bool) -> Owner:
        started.append(Owner(data_dir, **options))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Wait until a condition holds, at most twenty seconds."""

    def wait(condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 20.0
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    return wait
