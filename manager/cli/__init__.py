"""`enrichd`: the daemon's processes and the admin commands."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module

import typer

from manager.errors import (
    ConfigurationError,
    EnrichdError,
    InvalidRequestError,
    UnavailableError,
    WaitTimeoutError,
)
from manager.operator.status import TROUBLE, named

# Writing to standard output: the disk, the quota or the largest size of a file is reached.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

EXIT_CODES = """
\b
Exit codes:
  0    done; for `status`: the daemon can work; for `doctor`: no problem
  1    the answer is no, or something went wrong
  2    wrong usage, configuration or input; nothing was changed
  3    Postgres, Redis or the vendor cannot be reached, or broke off
  4    the wait ran out of time; what was enqueued goes on
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
    "sandbox": "processes",
    "enqueue": "enqueue",
    "results": "results",
    "lookup": "lookup",
    "status": "status",
    "slots": "status",
    "requests": "requests",
    "cancel": "control",
    "jobs": "jobs",
    "vendor-jobs": "vendor_jobs",
    "accounts": "accounts",
    "pause": "accounts",
    "resume": "accounts",
    "resolve": "control",
    "doctor": "doctor",
    "forget": "forget",
    "db": "database",
}


def make_app(called: str = "") -> typer.Typer:
    """The program; with the module of the command that is called alone, since each loads what it
    needs, and with all of them where that is none.
    """
    app = typer.Typer(
        name="enrichd",
        help="Durable bulk enrichment of companies and people through a paid batch API.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        callback=lambda: None,  # a program of one command would have none to be named
    )
    modules = [COMMANDS[called]] if called in COMMANDS else dict.fromkeys(COMMANDS.values())
    for module in modules:
        import_module(f"manager.cli.{module}").add_to(app)
    return app


def main() -> None:
    """The console script."""
    _prepare_streams()
    try:
        make_app(*sys.argv[1:2])(prog_name="enrichd")
    except TROUBLE as trouble:
        error = named(trouble)
        print(f"enrichd: {error}", file=sys.stderr)
        sys.exit(exit_code(error))
    except BrokenPipeError:  # the reader of a pipe has gone, for example `| head`
        _write_no_more()
        sys.exit(1)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _write_no_more()
        print(f"enrichd: The output cannot be written: {error.strerror}.", file=sys.stderr)
        sys.exit(1)


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
