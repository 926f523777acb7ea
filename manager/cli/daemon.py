"""Commands that run: `up`, `worker`, `beat`, `web`, `sandbox`."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from manager import daemon
from manager.cli.options import DataDir, Json, console, print_json, settings_for
from manager.context import Context
from manager.embedded import EmbeddedServers
from manager.errors import ConfigurationError
from manager.ledger import migrate
from manager.logs import configure
from manager.settings import Settings
from manager.web.app import make_app

_PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("up")(up)
    app.command("worker")(worker)
    app.command("beat")(beat)
    app.command("web")(web)
    app.command("sandbox", context_settings=_PASS_THROUGH, add_help_option=False)(sandbox)


def up(
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Bring own Postgres and Redis, kept in --data-dir.")
    ] = False,
    with_sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Use a sandbox of its own in place of the paid vendor."),
    ] = False,
    with_web: Annotated[bool, typer.Option("--web/--no-web", help="Serve the page.")] = True,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Run the whole daemon on this machine: workers, beat and web under one supervisor.

    Ends with SIGTERM or Ctrl-C, which give running work time to end. With --embedded, servers
    that a killed `up` left behind are adopted; beside a live one it refuses.
    """
    settings = settings_for(data_dir)
    stop = _stop_on_signals()
    with ExitStack() as stack:
        servers: EmbeddedServers | None = None
        if embedded:
            if settings.data_dir is None:
                raise ConfigurationError(
                    "--embedded keeps its servers in a directory; name it with --data-dir."
                )
            servers = stack.enter_context(daemon.embedded(settings.data_dir))
        settings = settings_for(settings.data_dir)
        configure(settings, "up")
        run_dir = settings.data_dir or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="enrichd-"))
        )
        specs = []
        if with_sandbox:
            settings, sandbox_spec = daemon.with_sandbox(servers, run_dir)
            specs.append(sandbox_spec)
        settings.api_key  # noqa: B018 - raises when it is missing
        specs += daemon.processes(settings, run_dir / "run", web=with_web)
        daemon.run(
            settings,
            specs,
            stop,
            servers=servers,
            log_dir=servers.log_dir if servers else None,
            ready=lambda ready: _announce(ready, with_web, as_json),
        )


def worker(
    queues: Annotated[
        str, typer.Option(help="enrichd.quick, enrichd.merge, or both.")
    ] = "enrichd.quick,enrichd.merge",
    concurrency: Annotated[int | None, typer.Option(min=1, help="Processes.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Run a Celery worker; any number may run, on any number of machines."""
    settings = settings_for(data_dir)
    settings.api_key  # noqa: B018 - raises when it is missing
    _check_servers(settings)
    arguments = ["worker", "--queues", queues]
    if concurrency:
        arguments += ["--concurrency", str(concurrency)]
    _become("tasks", *arguments)


def beat(data_dir: DataDir = None) -> None:
    """Run the scheduler that sweeps; several do no harm."""
    settings = settings_for(data_dir)
    _check_servers(settings)
    _become("tasks", "beat")


def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve the status page, /health, and the receiver of webhooks."""
    settings = settings_for(data_dir, web_host=host, web_port=port)
    configure(settings, "web")
    uvicorn.run(
        make_app(Context(settings, "web")),
        host=settings.web_host,
        port=settings.web_port,
        log_config=None,
        access_log=False,  # a webhook's path has its token in it
        server_header=False,
    )


def sandbox(context: typer.Context) -> None:
    """Run the vendor's API locally, to try things without spending credits (see --help)."""
    _become("sandbox", *context.args)


def _check_servers(settings: Settings) -> None:
    configure(settings, "start")
    daemon.wait_for_servers(settings)
    migrate.check(settings)


def _become(module: str, *arguments: str) -> None:
    command = daemon.module(module, *arguments)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter and module


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _announce(settings: Settings, with_web: bool, as_json: bool) -> None:
    page = f"http://{settings.web_host}:{settings.web_port}/" if with_web else None
    if as_json:
        print_json(
            {"up": True, "pid": os.getpid(), "vendor_url": settings.vendor_url, "page": page}
        )
        return
    data_dir = f" --data-dir {settings.data_dir}" if settings.data_dir else ""
    console.print(f"enrichd is up (pid {os.getpid()}), vendor {settings.vendor_url}")
    console.print(f"look: enrichd status{data_dir}" + (f", {page}" if page else ""))
