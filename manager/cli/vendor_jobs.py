"""`enrichd vendor-jobs`: what was seen on the vendor's list of jobs, and whose it is."""

from __future__ import annotations

import typer

from manager.cli.lists import lister, plain
from manager.cli.options import examples

COLUMNS = (
    "batch_id", "whose", "job_id", "entity", "action", "status", "identifier_count",
    "result_count", "created_at", "last_seen_at", "why",
)  # fmt: skip
HELP = """List what was seen on the vendor's list of jobs.

ours: the ledger has it. foreign: another tool's with the same key. open: it may be a
submission of ours whose answer was lost. empty: it delivered nothing, so it tells nothing.
"""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "vendor-jobs",
        epilog=examples(
            "enrichd vendor-jobs --whose foreign --state pending,processing",
            "enrichd vendor-jobs --since 1d --json",
        ),
    )(lister("vendor_job", COLUMNS, plain, help=HELP))
