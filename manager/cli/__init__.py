"""`enrichd`: the daemon's processes and the admin commands.

Exit codes: 0 done; 1 the answer is no, or something went wrong; 2 wrong usage, configuration or
input; 3 Postgres or Redis cannot be reached; 4 a wait ran out of time; 130 interrupted.
"""

from __future__ import annotations

import os
import sys

import typer

from manager.cli import control, daemon, demo, enqueue, inspect, results
from manager.errors import (
    ConfigurationError,
    EnrichdError,
    InvalidRequestError,
    UnavailableError,
    WaitTimeoutError,
)

app = typer.Typer(
    name="enrichd",
    help="Durable bulk enrichment of companies through a paid batch API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo, daemon, enqueue, results, inspect, control):
    module.add_to(app)


def main() -> None:
    """The console script."""
    try:
        app(standalone_mode=True)
    except EnrichdError as error:
        print(f"enrichd: {error}", file=sys.stderr)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
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
