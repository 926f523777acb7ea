"""The commands as a user calls them, and one running installation that most tests share."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg
import pytest

from manager import Settings
from manager.cli import main
from manager.ledger import migrate
from manager.run.embedded import EmbeddedServers, processes
from manager.run.supervisor import lifeline

ENRICHD = Path(sys.executable).with_name("enrichd")
# Jobs that take a second rather than minutes.
PACE = {
    "ENRICHD_LINGER": "0.2",
    "ENRICHD_LOOK_MIN": "0.2",
    "ENRICHD_SWEEP_INTERVAL": "0.5",
    "ENRICHD_WEB_PORT": "0",
}
GRACE = 20.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value that is all of standard output."""
        [line] = self.out.splitlines()
        return json.loads(line)

    @property
    def error(self) -> str:
        """The one line that is all of standard error, when nothing was printed."""
        assert self.out == ""
        [line] = self.err.splitlines()
        return line


class Call(Protocol):
    """Runs a command."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Done: ...


def environment(**variables: str) -> dict[str, str]:
    """Ours without any settings; and buffered, as for a user."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ENRICHD_")}
    ours.pop("PYTHONUNBUFFERED", None)
    return ours | variables


@contextmanager
def start(
    *arguments: str, cwd: Path | None = None, variables: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A command that runs beside the block, and ends with it or with us, however we end."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            guarded = [lifeline.__file__, str(theirs.fileno()), str(GRACE), str(ENRICHD)]
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", *guarded, *arguments],
                cwd=cwd,
                env=environment(**(variables or {})),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        with process:
            yield process
            process.terminate()
            process.communicate(timeout=GRACE + 10)


@contextmanager
def empty_directory() -> Iterator[Path]:
    """A data directory that goes, with its servers, at the end of the block or with us."""
    path = Path(tempfile.mkdtemp(prefix="enrichd-cli-"))
    servers = EmbeddedServers(path)
    watchdog = subprocess.Popen(
        [sys.executable, "-P", processes.__file__, str(os.getpid()), str(path), servers._marker],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    with watchdog:
        yield path


def left_over(data_dir: Path) -> list[str]:
    """The processes that serve a data directory."""
    name = EmbeddedServers(data_dir)._marker
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            at = process.environ().get("ENRICHD_DATA_DIR")
        except psutil.Error:
            continue
        watchdog = processes.__file__ in line
        if not watchdog and (at == str(data_dir) or any(name in word for word in line)):
            found.append(f"{process.pid} {' '.join(line)}")
    return found


class Installation:
    """A data directory, and `enrichd` called with it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    @property
    def connection(self) -> dict[str, str]:
        """The addresses that the daemon wrote down."""
        content: dict[str, str] = json.loads((self.data_dir / "connection.json").read_text())
        return content

    @contextmanager
    def up(self) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
        """`enrichd up` beside the block: the process and what it announced."""
        arguments = ("up", "--embedded", "--sandbox", "--json", "--data-dir", str(self.data_dir))
        with start(*arguments, variables=PACE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            announced = process.stdout.readline()
            assert announced, process.stderr.read()
            yield process, json.loads(announced)

    def enrichd(self, *arguments: str, stdin: bytes = b"") -> Done:
        """Call a command as a process."""
        done = subprocess.run(
            [ENRICHD, *arguments],
            env=environment(ENRICHD_DATA_DIR=str(self.data_dir)),
            input=stdin,
            capture_output=True,
            timeout=60,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def wait_until_ready(self) -> None:
        """Until `enrichd status` says so."""
        deadline = time.monotonic() + 30
        while (done := self.enrichd("status", "--json")).code:
            assert time.monotonic() < deadline, done.out

    def count(self, table: str) -> int:
        """How many rows the ledger's table has."""
        with psycopg.connect(self.connection["database_url"]) as connection:
            row = connection.execute(f"SELECT count(*) FROM enrichment.{table}").fetchone()
            assert row is not None
            return int(row[0])


@pytest.fixture(scope="package")
def installation() -> Iterator[Installation]:
    """`enrichd up --embedded --sandbox`, ready to work."""
    with ExitStack() as stack:
        made = Installation(stack.enter_context(empty_directory()))
        stack.enter_context(made.up())
        made.wait_until_ready()
        yield made


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command in this process: by the same entry as a user's, a second faster."""

    def run(*arguments: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "argv", ["enrichd", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return Done(code, *capfd.readouterr())

    return run


@pytest.fixture
def here(installation: Installation, call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command on the shared installation, in this process."""
    monkeypatch.setenv("ENRICHD_DATA_DIR", str(installation.data_dir))
    return call


@pytest.fixture
def alone(settings: Settings, call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command on a ledger that no daemon works on."""
    monkeypatch.setenv("ENRICHD_DATABASE_URL", settings.postgres)
    monkeypatch.setenv("ENRICHD_REDIS_URL", settings.redis)
    monkeypatch.setenv("ENRICHD_DATABASE_SCHEMA", settings.database_schema)
    monkeypatch.setenv("ENRICHD_ACCOUNT", settings.account)
    return call


@pytest.fixture
def second(settings: Settings) -> str:
    """The name of another account that the ledger has, with three slots."""
    migrate.upgrade(settings.model_copy(update={"account": "second", "cap": 3}))
    return "second"


def run_sql(settings: Settings, sql: str) -> None:
    """As a worker would."""
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        connection.execute(sql)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    """Makes a file and tells its path."""

    def make(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return make


@pytest.fixture
def signals_restored() -> Iterator[None]:
    """What a command does to signal handlers is undone."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
