"""`enrichd demo`: the main job on this machine, with nothing to set up and nothing to pay."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from manager import daemon, demo
from manager.api import Manager, Request
from manager.cli.options import Json, console, print_json
from manager.cli.results import write_file, write_jsonl
from manager.context import Context
from manager.embedded import EmbeddedServers
from manager.errors import ConfigurationError, EnrichdError
from manager.ledger.connect import rows
from manager.ledger.sql import Statements
from manager.logs import configure
from manager.settings import Settings
from manager.status import Status, status

SQL = Statements("operator")
MARKER = ".enrichd-demo"
# The sandbox's clock runs faster than the vendor's: a job takes seconds, polls may be frequent.
SANDBOX = (
    "--calls-per-minute", "600", "--pending-seconds", "0.5",
    "--processing-seconds", "2", "--seconds-per-1000", "0.3",
)  # fmt: skip
PACE = {"ENRICHD_LINGER": "1", "ENRICHD_POLL_MIN": "0.5", "ENRICHD_SWEEP_INTERVAL": "1"}
TIMEOUT = 300.0
SAMPLES = 3


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("demo")(run_demo)


def run_demo(
    data_dir: Annotated[
        Path, typer.Option(help="Where the demo keeps its servers and results; made anew.")
    ] = Path("demo-data"),
    as_json: Json = False,
) -> None:
    """Enrich 2,415 real company domains and 60,000 more identifiers in the sandbox.

    Starts Postgres, Redis, the sandbox and the daemon, shows the progress, and ends them.
    """
    _prepare(data_dir)
    for name in [name for name in os.environ if name.startswith("ENRICHD_")]:
        del os.environ[name]
    os.environ.update(PACE)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    began = time.monotonic()
    with daemon.embedded(data_dir.absolute()) as servers:
        settings, sandbox = daemon.with_sandbox(servers, servers.data_dir, *SANDBOX)
        configure(settings.model_copy(update={"log_level": "WARNING"}), "demo")
        specs = [sandbox, *daemon.processes(settings, servers.data_dir / "run", web=False)]
        log_dir = servers.log_dir
        arguments = (settings, specs, stop)
        running = threading.Thread(
            target=daemon.run, args=arguments, kwargs={"servers": servers, "log_dir": log_dir}
        )
        running.start()
        try:
            requests = _story(settings, stop, quiet=as_json)
        finally:
            stopped = stop.is_set()
            stop.set()
            running.join()
        if stopped:
            console.print("Stopped; every process has ended.")
            raise typer.Exit(130)
        _conclude(requests, data_dir, time.monotonic() - began, as_json)


def _prepare(data_dir: Path) -> None:
    """A new directory; only one that an earlier demo made is removed."""
    if data_dir.exists():
        if any(data_dir.iterdir()) and not (data_dir / MARKER).exists():
            raise ConfigurationError(f"{data_dir} is not a demo's directory; name another one.")
        EmbeddedServers(data_dir).remove()
    data_dir.mkdir(parents=True)
    (data_dir / MARKER).touch()


def _story(
    settings: Settings, stop: threading.Event, quiet: bool
) -> list[tuple[demo.Part, Request]]:
    """Enqueue everything, then watch until all is settled or `stop` is set."""
    context = Context(settings, "demo")
    manager = Manager(settings)
    _until_ready(context, stop)
    requests: list[tuple[demo.Part, Request]] = []
    deadline = time.monotonic() + TIMEOUT
    began = time.monotonic()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        for part in demo.parts():
            if stop.is_set():
                return requests
            request = manager.enqueue(
                part.identifier_type, part.identifiers, fields=part.fields, priority=part.priority
            )
            requests.append((part, request))
        while not stop.wait(0.4):
            progress = [request.progress() for _, request in requests]
            if not quiet:
                live.update(_picture(context, requests, time.monotonic() - began))
            if all(now.finished for now in progress):
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
        if status(context).ok:
            return
        if time.monotonic() > deadline:
            problems = "; ".join(status(context).problems)
            raise EnrichdError(f"The daemon did not come up within 60 s: {problems}.")


def _picture(context: Context, requests: list[tuple[demo.Part, Request]], seconds: float) -> Group:
    found = status(context)
    return Group(_slots(context), _requests(requests), _rate(found, seconds))


def _slots(context: Context) -> Table:
    table = Table(title="slots", title_justify="left", box=None, pad_edge=False)
    for name in ("slot", "job", "state", "identifiers"):
        table.add_column(name, justify="right" if name == "identifiers" else "left")
    with context.ledger.connect() as connection:
        account = context.account(connection)
        for slot in rows(connection, SQL.slots, {"account_id": account.id}):
            cells = (str(slot.job_id)[-12:], slot.state, f"{slot.identifier_count or 0:,}")
            table.add_row(str(slot.slot), *(cells if slot.job_id else ("free", "", "")))
    return table


def _requests(requests: list[tuple[demo.Part, Request]]) -> Table:
    table = Table(title="requests", title_justify="left", box=None, pad_edge=False)
    for name in ("request", "total", "fulfilled", "not found", "failed", "waiting"):
        table.add_column(name, justify="left" if name == "request" else "right")
    for part, request in requests:
        now = request.progress()
        counts = (now.total, now.fulfilled, now.not_found, now.failed, now.waiting)
        table.add_row(part.title, *(f"{count:,}" for count in counts))
    return table


def _rate(found: Status, seconds: float) -> str:
    settled = sum(found.enrichments.get(s, 0) for s in ("fulfilled", "not_found", "failed"))
    left = sum(found.enrichments.get(state, 0) for state in ("pending", "packed"))
    rate = settled / seconds if seconds else 0.0
    eta = f"about {left / rate:.0f} s left" if rate else "…"
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(found.enrichments.items()))
    return f"{states}\n{rate:,.0f} identifiers/s, {eta}"


def _conclude(
    requests: list[tuple[demo.Part, Request]], data_dir: Path, seconds: float, as_json: bool
) -> None:
    """Tell what came back, where it is, and how to go on."""
    results_dir = data_dir / "results"
    results_dir.mkdir()
    for number, (_, request) in enumerate(requests, start=1):
        write_file(request, results_dir / f"{number}.jsonl", write_jsonl)
    if as_json:
        print_json([_summary(part, request) for part, request in requests])
        return
    console.print(_requests(requests))
    total = sum(request.total for _, request in requests)
    console.print(f"\n{total:,} identifiers settled in {seconds:.0f} s, servers and all.\n")
    _samples(requests[0][1])
    console.print(f"\nThe results are in {results_dir}/*.jsonl. To go on:")
    console.print(f"  enrichd up --embedded --sandbox --data-dir {data_dir}      # in one terminal")
    console.print(f"  enrichd status --data-dir {data_dir}                       # in another")
    console.print(f"  enrichd results {requests[0][1].id} --format csv --data-dir {data_dir}")
    console.print(f"  echo stripe.com | enrichd enqueue - --wait --data-dir {data_dir}")


def _samples(request: Request) -> None:
    fulfilled = [result for result in request.results() if result.record]
    missing = [result.identifier for result in request.results() if result.outcome == "not_found"]
    for result in fulfilled[:SAMPLES]:
        console.print(f"  {result.identifier}: {escape(_short(result.record))}")
    console.print(f"  not found: {len(missing)}, for example {', '.join(missing[:SAMPLES])}")


def _short(record: dict[str, Any] | None) -> str:
    info = (record or {}).get("basic_info", {})
    headcount = (record or {}).get("headcount", {})
    return ", ".join(
        str(value)
        for value in (info.get("name"), info.get("year_founded"), headcount.get("total"))
        if value is not None
    )


def _summary(part: demo.Part, request: Request) -> dict[str, Any]:
    now = request.progress()
    counters = ("total", "fulfilled", "not_found", "failed", "cancelled")
    return {"request_id": request.id, "title": part.title} | {
        name: getattr(now, name) for name in counters
    }
