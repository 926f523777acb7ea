"""`enrichd top`: what is going on, live in the terminal."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from manager.cli.options import Account, DataDir, Json, examples, print_json, settings_for
from manager.operator.now import Now, now
from manager.steps.context import Context


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "top",
        epilog=examples(
            "enrichd top", "enrichd top --account crm --interval 5", "enrichd top --once"
        ),
    )(top)


def top(
    account: Account = None,
    interval: Annotated[
        float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print it once, and end.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show live what is going on, and what is wrong.

    Problems with their way out, slots over the last hour, backlog and when it is done, throughput,
    and what jobs did last. Ends with q or Ctrl-C. Where the output is no terminal it is printed
    once; so it is with --json. The exit code is that of `status` then.
    """
    context = Context(settings_for(data_dir), "cli")

    def look() -> Now:
        return now(context, account)

    if as_json:
        found = look()
        print_json(found.as_dict())
    elif once or not _is_terminal():
        from manager.cli.top.live import print_once

        found = look()
        print_once(found)
    else:
        from manager.cli.top.live import run

        run(look, interval)
        return
    raise typer.Exit(0 if found.status.ok else 1)


def _is_terminal() -> bool:
    """Whether there is one that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")
