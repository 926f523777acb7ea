"""`enrichd`: the daemon's processes and the admin commands."""

from __future__ import annotations

import os
import sys

import typer

from manager.cli import (
    accounts,
    control,
    database,
    demo,
    enqueue,
    jobs,
    processes,
    requests,
    results,
    status,
    vendor_jobs,
)
from manager.errors import (
    ConfigurationError,
    EnrichdError,
    InvalidRequestError,
    UnavailableError,
    WaitTimeoutError,
)
from manager.operator.status import TROUBLE, named

EXIT_CODES = """
\b
Exit codes:
  0    done; for `status`: the daemon can work
  1    the answer is no, or something went wrong
  2    wrong usage, configuration or input; nothing was changed
  3    Postgres, Redis or the vendor cannot be reached, or broke off in the middle
  4    the wait ran out of time; what was enqueued goes on
  130  interrupted

\b
Begin with:
  enrichd demo
  enrichd COMMAND --help
"""

app = typer.Typer(
    name="enrichd",
    help="Durable bulk enrichment of companies and people through a paid batch API.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for module in (
    demo, processes, enqueue, results, status, requests, jobs, vendor_jobs, accounts, control,
    database,
):  # fmt: skip
    module.add_to(app)


def main() -> None:
    """The console script."""
    _prepare_streams()
    try:
        app(prog_name="enrichd")
    except TROUBLE as trouble:
        error = named(trouble)
        print(f"enrichd: {error}", file=sys.stderr)
        sys.exit(exit_code(error))
    except BrokenPipeError:  # the reader of a pipe has gone, for example `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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


def _prepare_streams() -> None:
    """UTF-8 whatever the locale says; what was closed by the caller swallows what is written."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
