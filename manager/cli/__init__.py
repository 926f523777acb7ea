"""`enrichd`: the daemon's processes and the admin commands."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from manager.errors import (
    ConfigurationError,
    EnrichdError,
    InvalidRequestError,
    UnavailableError,
    WaitTimeoutError,
)

# Writing to standard output: the disk, the quota or the largest size of a file is reached.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

EXIT_CODES = """
\b
Exit codes:
  0    done; for `status`: the daemon can work; for `doctor`: no problem
  1    the answer is no, or something went wrong
  2    wrong usage, configuration or input; nothing was changed
  3    Postgres, Redis or the vendor cannot be reached, or broke off
  4    the wait ran out of time; what was enqueued goes on: `enrichd wait REQUEST_ID`
  130  interrupted

\b
Begin with:
  enrichd demo
  enrichd COMMAND --help
"""

# Which module has which command, in the order of the help.
COMMANDS = {
    "demo": "demo",
    "up": "processes",
    "worker": "processes",
    "beat": "processes",
    "web": "processes",
    "web-token": "web_token",
    "sandbox": "processes",
    "enqueue": "enqueue",
    "wait": "wait",
    "results": "results",
    "lookup": "lookup",
    "status": "status",
    "top": "top",
    "acknowledge": "acknowledge",
    "slots": "status",
    "requests": "requests",
    "cancel": "control",
    "jobs": "jobs",
    "lanes": "lanes",
    "refresh": "refresh",
    "retry": "refresh",
    "drain": "drain",
    "actions": "actions",
    "enrichments": "enrichments",
    "strays": "strays",
    "vendor-jobs": "vendor_jobs",
    "search": "search",
    "history": "history",
    "accounts": "accounts",
    "pause": "accounts",
    "resume": "accounts",
    "resolve": "control",
    "metrics": "metrics",
    "stats": "stats",
    "budgets": "budgets",
    "doctor": "doctor",
    "forget": "forget",
    "notices": "notices",
    "db": "database",
}


def make_app(*called: str) -> typer.Typer:
    """The program with the modules of these commands alone, since each loads what it needs; with
    all of them where none is named.
    """
    app = _program()
    for module in dict.fromkeys(COMMANDS[name] for name in called or COMMANDS):
        import_module(f"manager.cli.{module}").add_to(app)
    return app


def _program(**arguments: Any) -> typer.Typer:
    return typer.Typer(
        name="enrichd",
        help="Durable bulk enrichment of companies and people through a paid batch API.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        callback=_options,  # with it a program of one command has it named, too
        **arguments,
    )


def _show_version(wanted: bool) -> None:
    if wanted:
        from manager.vendor.agent import our_version

        print(f"enrichd {our_version()}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """What is said before a command."""


def _called() -> typer.Typer:
    """The program for the command line: with the command, or with its help alone."""
    command = next(iter(sys.argv[1:]), "")
    if COMMANDS.get(command) != "processes":
        # redis loads it if it is there, for a fifth of a second, to measure what no command does
        sys.modules.setdefault("opentelemetry.sdk.metrics", None)  # type: ignore[arg-type]
    if command in COMMANDS:
        return make_app(command)
    if "_ENRICHD_COMPLETE" in os.environ:  # a shell asks what may come next
        return make_app()
    from manager.cli.all import Everything

    return _program(cls=Everything)


def main() -> None:
    """The console script."""
    _prepare_streams()
    try:
        _called()(prog_name="enrichd")
    except KeyboardInterrupt:  # while the command was loaded; later Click says so
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has gone, for example `| head`
        _write_no_more()
        sys.exit(1)
    except Exception as raised:
        if isinstance(raised, OSError) and raised.errno in _NO_ROOM:
            _write_no_more()
            print(f"enrichd: The output cannot be written: {raised.strerror}.", file=sys.stderr)
            sys.exit(1)
        from manager.operator.trouble import TROUBLE, named  # here: what raises it has loaded it

        if not isinstance(raised, TROUBLE):
            raise
        trouble = named(raised)
        print(f"enrichd: {trouble}{_way_out(trouble)}", file=sys.stderr)
        sys.exit(exit_code(trouble))


def exit_code(error: EnrichdError) -> int:
    """The exit code of an error."""
    match error:
        case ConfigurationError() | InvalidRequestError():
            return 2
        case UnavailableError():
            return 3
        case WaitTimeoutError():
            return 4
        case _:
            return 1


def _way_out(error: EnrichdError) -> str:
    """Who looks for why a server is away."""
    if not isinstance(error, UnavailableError) or "cannot be reached" not in str(error):
        return ""
    return f"{'' if str(error).endswith('.') else '.'} `enrichd doctor` says what to do."


def _write_no_more() -> None:
    """What is still buffered for standard output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _prepare_streams() -> None:
    """UTF-8 whatever the locale says; what was closed by the caller swallows what is written."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
