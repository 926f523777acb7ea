"""`enrichd demo`: the main job on this machine, with nothing to set up and nothing to pay."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from manager.cli.demo_ending import conclude
from manager.cli.demo_picture import Picture
from manager.cli.options import Json, examples
from manager.client.sync import Manager, Request
from manager.errors import ConfigurationError, EnrichdError
from manager.logs import configure
from manager.operator.status import status
from manager.run import demo, processes
from manager.run.embedded import EmbeddedServers
from manager.settings import Settings
from manager.steps.context import Context

# The sandbox's clock runs faster than the vendor's: a job takes seconds, polls may be frequent.
SANDBOX = (
    "--calls-per-minute", "600", "--pending-seconds", "0.5",
    "--processing-seconds", "2", "--seconds-per-1000", "0.3",
)  # fmt: skip
PACE = {"ENRICHD_LINGER": "1", "ENRICHD_LOOK_MIN": "0.5", "ENRICHD_SWEEP_INTERVAL": "1"}
TIMEOUT = 300.0
LOOK = 0.4


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("demo", epilog=examples("enrichd demo", "enrichd demo --data-dir trial --json"))(
        run_demo
    )


def run_demo(
    data_dir: Annotated[
        Path, typer.Option(help="Where the demo keeps its servers and results; made anew.")
    ] = Path("demo-data"),
    as_json: Json = False,
) -> None:
    """Enrich 65,000 companies in the sandbox; sets up all it needs.

    Starts Postgres, Redis, the sandbox and the daemon; enqueues 2,415 real company domains and
    62,415 more identifiers; shows the progress and what came back; ends everything.
    """
    began = time.monotonic()
    stop = _stop_on_signals()
    for name in [name for name in os.environ if name.startswith("ENRICHD_")]:
        del os.environ[name]
    os.environ.update(PACE)
    with Picture(quiet=as_json) as picture:
        picture.say(f"Starting Postgres and Redis in {data_dir} …")
        _make(data_dir)
        with processes.embedded(data_dir.absolute()) as servers, _daemon(servers, stop) as settings:
            if not stop.is_set():
                picture.say("Starting the sandbox and the daemon …")
                requests = _story(settings, stop, picture)
            if not stop.is_set():
                conclusion = conclude(settings, requests, data_dir, began)
        if stop.is_set():
            picture.say("Stopped; every process has ended.")
            raise typer.Exit(130)
    conclusion.show(as_json)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _make(data_dir: Path) -> None:
    """A new directory; only one that an earlier demo made is removed."""
    try:
        demo.check(data_dir)
        if data_dir.exists():
            EmbeddedServers(data_dir).remove()
        demo.mark(data_dir)
    except OSError as error:
        raise ConfigurationError(f"{data_dir} cannot be used: {error.strerror}.") from None


@contextmanager
def _daemon(servers: EmbeddedServers, stop: threading.Event) -> Iterator[Settings]:
    """The sandbox and the daemon, running beside the block; `stop` ends them, and so does its end.

    What goes wrong with them is raised at the end of the block, which `stop` brings about.
    """
    settings, sandbox = processes.with_sandbox(servers, servers.data_dir, *SANDBOX)
    configure(settings.model_copy(update={"log_level": "WARNING"}), "demo")
    specs = [sandbox, *processes.processes(settings, servers.data_dir / "run", web=False)]
    done = threading.Event()
    failures: list[Exception] = []

    def run() -> None:
        try:
            processes.run(settings, specs, done, servers=servers, log_dir=servers.log_dir)
        except Exception as error:
            failures.append(error)
            stop.set()

    running = threading.Thread(target=run, name="daemon")
    running.start()
    try:
        yield settings
    finally:
        done.set()
        running.join()
    if failures:
        raise failures[0]


def _story(
    settings: Settings, stop: threading.Event, picture: Picture
) -> list[tuple[demo.Part, Request]]:
    """Enqueue everything, then watch until all is settled or `stop` is set."""
    context = Context(settings, "demo")
    manager = Manager(settings)
    requests: list[tuple[demo.Part, Request]] = []
    _until_ready(context, stop)
    deadline = time.monotonic() + TIMEOUT
    for part in demo.parts():
        if stop.is_set():
            return requests
        picture.say(f"Enqueuing {part.title}: {len(part.identifiers):,} …")
        request = manager.enqueue(
            part.identifier_type, part.identifiers, fields=part.fields, priority=part.priority
        )
        requests.append((part, request))
    while not stop.wait(LOOK):
        if picture.draw(context, requests):
            break
        if time.monotonic() > deadline:
            raise EnrichdError(
                f"The demo was not done after {TIMEOUT:g} s; its logs are in "
                f"{settings.data_dir}/logs."
            )
    return requests


def _until_ready(context: Context, stop: threading.Event) -> None:
    """Wait for the first sweep."""
    deadline = time.monotonic() + 60
    while not stop.wait(0.1):
        found = status(context)
        if found.ok:
            return
        if time.monotonic() > deadline:
            problems = "; ".join(map(str, found.problems))
            raise EnrichdError(
                f"The daemon did not come up within 60 s: {problems}. "
                f"Its logs are in {context.settings.data_dir}/logs."
            )
