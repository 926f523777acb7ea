"""Commands that run: `up`, `worker`, `beat`, `web`, `sandbox`."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from manager.cli.options import (
    DataDir,
    Json,
    examples,
    print_json,
    print_line,
    program,
    settings_for,
)
from manager.errors import ConfigurationError, InvalidRequestError
from manager.logs import configure
from manager.run import demo, processes
from manager.run.embedded import EmbeddedServers
from manager.run.presence import present
from manager.settings import Settings
from manager.steps.context import Context
from manager.steps.registry import Queue
from manager.web.parts import read_parts, served_at

QUEUES = tuple(f"enrichd.{queue}" for queue in get_args(Queue))
Heartbeat = Annotated[
    Path | None,
    typer.Option(help="File to touch whenever work is done, for health checks."),
]
_PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}
# What a killed `up` left needs some seconds to go.
PORT_PATIENCE = 6.0


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(
        "up",
        epilog=examples(
            "enrichd up --embedded --data-dir data",
            "enrichd up --embedded --sandbox --data-dir trial",
            "enrichd up  # Postgres and Redis are those of the configuration",
        ),
    )(up)
    app.command("worker", epilog=examples("enrichd worker --concurrency 4"))(worker)
    app.command("beat", epilog=examples("enrichd beat"))(beat)
    app.command(
        "web",
        epilog=examples(
            "enrichd web --port 8460",
            "enrichd web --only webhooks --host 0.0.0.0 --port 8462",
        ),
    )(web)
    app.command(
        "sandbox",
        epilog=examples("enrichd sandbox --port 8461 --data-dir sandbox-data"),
        context_settings=_PASS_THROUGH,
        add_help_option=False,
    )(sandbox)


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
    """Run the whole daemon: workers, beat and web.

    Ends with SIGTERM or Ctrl-C, which give running work time to end. With --embedded, servers
    that a killed `up` left behind are adopted; beside a live one it refuses. With --json it
    prints one object when identifiers can be enqueued.
    """
    settings = settings_for(data_dir)
    stop = _Stop()
    with ExitStack() as stack:
        servers: EmbeddedServers | None = None
        if embedded:
            if settings.data_dir is None:
                raise ConfigurationError(
                    "--embedded keeps its servers in a directory; name it with --data-dir."
                )
            servers = stack.enter_context(processes.embedded(settings.data_dir))
            if not with_sandbox:
                demo.keep(settings.data_dir)
        settings = settings_for(settings.data_dir)
        configure(settings, "up")
        run_dir = settings.data_dir or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="enrichd-"))
        )
        specs = []
        if with_sandbox:
            settings, sandbox_spec = processes.with_sandbox(servers, run_dir)
            specs.append(sandbox_spec)
        warn_of_keys(settings)
        if with_web:
            served_at(settings)
            settings = _with_port(settings)
        specs += processes.processes(settings, run_dir / "run", web=with_web)

        def ready(settings: Settings) -> None:
            stop.running = True
            _announce(settings, with_web, as_json)

        log_dir = servers.log_dir if servers else None
        processes.run(settings, specs, stop, servers=servers, log_dir=log_dir, ready=ready)


def worker(
    queues: Annotated[
        str, typer.Option(help=f"Some of {', '.join(QUEUES)}, with commas. Default: all.")
    ] = ",".join(QUEUES),
    concurrency: Annotated[int | None, typer.Option(min=1, help="Processes.")] = None,
    heartbeat: Heartbeat = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Run a Celery worker; any number may run, on any machines.

    One that lives but does not work any more is replaced.
    """
    settings = settings_for(data_dir)
    if unknown := sorted(set(queues.split(",")) - set(QUEUES)):
        raise InvalidRequestError(
            f"--queues: {', '.join(map(repr, unknown))}: the queues are {', '.join(QUEUES)}."
        )
    warn_of_keys(settings)
    arguments = ["worker", "--queues", queues]
    if concurrency:
        arguments += ["--concurrency", str(concurrency)]
    if as_json:
        print_json({"process": "worker", "pid": os.getpid(), "queues": queues.split(",")})
    _run_one(settings, heartbeat, *arguments)


def beat(heartbeat: Heartbeat = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Run the scheduler that sweeps; several do no harm."""
    settings = settings_for(data_dir)
    if as_json:
        print_json({"process": "beat", "pid": os.getpid()})
    _run_one(settings, heartbeat, "beat")


def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="What to serve: console, metrics, webhooks, or several of them. Default: all, the "
            "webhooks at web_webhooks_port where that is set."
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Serve the console, /metrics, and the receiver of webhooks.

    /healthz and /readyz are served whatever else is; /health is the console's.
    """
    settings = settings_for(data_dir, web_host=host, web_port=port)
    served = served_at(settings, read_parts(only) if only else None)
    configure(settings, "web")
    _Stop()  # uvicorn sends itself the signal again when it has shut down
    with ExitStack() as stack:
        listening = [stack.enter_context(_listen(it.host, it.port)) for it in served]
        if as_json:
            url = _url(served[0].host, listening[0].getsockname()[1])
            print_json({"process": "web", "pid": os.getpid(), "page": url})
        # here: no other command should wait for it
        from manager.web.app import make_app
        from manager.web.server import ByPort, serve

        context = Context(settings, "web")
        main, *others = (make_app(context, it.parts) for it in served)
        ports = [it.getsockname()[1] for it in listening[1:]]
        with present(settings, "web"):
            serve(ByPort(main, dict(zip(ports, others, strict=True))), listening, settings)


def sandbox(context: typer.Context) -> None:
    """Run the vendor's API locally; has options of its own."""
    _become("sandbox", *context.args)


def warn_of_keys(settings: Settings) -> None:
    """Say which accounts have no key. Raises ConfigurationError when none has one."""
    for missing in processes.without_key(settings):
        print(f"enrichd: {missing} Until then that account is paused.", file=sys.stderr)


class _Stop(threading.Event):
    """Set by a signal. Until the daemon is `running` a signal ends the program on the spot."""

    def __init__(self) -> None:
        super().__init__()
        self.running = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._handle)

    def _handle(self, *_: Any) -> None:
        first = not self.is_set()
        self.set()
        if first and not self.running:
            raise SystemExit(0)


def _with_port(settings: Settings) -> Settings:
    """Settings with the page's port, made sure to be free: the web process shall find it so."""
    deadline = time.monotonic() + PORT_PATIENCE
    while True:
        try:
            with _listen(settings.web_host, settings.web_port) as probe:
                port = probe.getsockname()[1]
            break
        except ConfigurationError:
            if time.monotonic() > deadline:
                if "web_port" in settings.model_fields_set:
                    raise
                settings = settings.model_copy(update={"web_port": 0})  # another `up` has it
            time.sleep(0.2)
    os.environ["ENRICHD_WEB_PORT"] = str(port)
    return settings.model_copy(update={"web_port": port})


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"The page cannot be served at {_url(host, port)}: {error.strerror or error}. "
            "Set another ENRICHD_WEB_HOST or ENRICHD_WEB_PORT (0: any free port), or do without "
            "it (`enrichd up --no-web`)."
        ) from None


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _run_one(settings: Settings, heartbeat: Path | None, *arguments: str) -> None:
    """Run one of Celery's processes under a supervisor, until a signal."""
    configure(settings, arguments[0])
    stop = _Stop()
    with tempfile.TemporaryDirectory(prefix="enrichd-") as run_dir:
        file = heartbeat or Path(run_dir) / "heartbeat"
        spec = processes.celery_process(settings, arguments[0], file, *arguments)

        def ready(_: Settings) -> None:
            stop.running = True

        processes.run(settings, [spec], stop, ready=ready, upgrade=False)


def _become(module: str, *arguments: str) -> None:
    command = processes.module(module, *arguments)
    os.execve(command[0], command, os.environ | processes.environment())  # noqa: S606 - our own


def _announce(settings: Settings, with_web: bool, as_json: bool) -> None:
    page = _url(settings.web_host, settings.web_port) if with_web else None
    if as_json:
        accounts = [
            {"account": it.name, "vendor_url": it.vendor_url, "has_key": bool(it.vendor_api_key)}
            for it in settings.served
        ]
        up = {"up": True, "pid": os.getpid(), "vendor_url": settings.vendor_url, "page": page}
        print_json(up | {"accounts": accounts})
        return
    data_dir = f" --data-dir {settings.data_dir}" if settings.data_dir else ""
    print_line(f"enrichd is up (pid {os.getpid()})")
    for account in settings.served:
        print_line(f"account {account.name}, vendor {account.vendor_url}")
    print_line(f"look: {program()} status{data_dir}" + (f", {page}" if page else ""))
