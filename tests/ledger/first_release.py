"""The first release, from the repository's own history: its code and its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Protocol
from uuid import UUID
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).parents[2]
COMMIT = "8d239ad"
ENQUEUE = """
import json, sys
from manager import Manager
from manager.settings import load_settings
manager = Manager(load_settings())
for line in sys.stdin:
    identifiers, arguments = json.loads(line)
    print(manager.enqueue("domains", identifiers, **arguments).id, flush=True)
"""


def unpack(directory: Path) -> Path:
    """Its code, in that directory; skips the test where the history does not reach back to it."""
    archive = subprocess.run(
        ["git", "-C", str(CHECKOUT), "archive", "--format=zip", COMMIT],
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        pytest.skip(f"the first release, commit {COMMIT}, is not in this checkout's history")
    with ZipFile(BytesIO(archive.stdout)) as content:
        content.extractall(directory)
    return directory


class Enqueue(Protocol):
    """Enqueues domains; the request's id."""

    def __call__(self, identifiers: list[str], **arguments: object) -> UUID: ...


class FirstRelease:
    """Its programs, with settings of their own from the environment."""

    def __init__(self, code: Path, settings: dict[str, str]) -> None:
        self.code = code
        self._settings = settings

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """Its daemon, at work until the end of the block, or until it is terminated."""
        with up(self._environment, self.code / "daemon.log") as process:
            yield process

    @contextmanager
    def caller(self) -> Iterator[Enqueue]:
        """A caller's process of the first release, that asks for domains."""
        command = [sys.executable, "-P", "-c", ENQUEUE]
        process = subprocess.Popen(
            command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

        asked, told = process.stdin, process.stdout
        assert asked is not None
        assert told is not None

        def enqueue(identifiers: list[str], **arguments: object) -> UUID:
            asked.write(json.dumps([identifiers, arguments]).encode() + b"\n")
            asked.flush()
            return UUID(told.readline().decode().strip())

        with process:
            yield enqueue

    @property
    def _environment(self) -> dict[str, str]:
        return environment(self.code, self._settings)


def environment(code: Path, settings: dict[str, str]) -> dict[str, str]:
    """That of a program of this code, with these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENRICHD_")}
    ours = {f"ENRICHD_{name}": value for name, value in settings.items()}
    return kept | ours | {"PYTHONPATH": str(code)}


@contextmanager
def up(variables: dict[str, str], log: Path, *program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon with that environment, by default `enrichd up`; what it starts ends with it."""
    command = [sys.executable, "-P", *(program or ("-m", "manager", "up", "--no-web"))]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
