"""`enrichd enrichments`: each identifier in each lane, and where it stands."""

from __future__ import annotations

import typer

from manager.cli.lists import lister, plain
from manager.cli.options import examples

COLUMNS = (
    "enrichment_id", "identifier", "type", "endpoint", "fields", "state", "cycle", "settled_at",
    "job_id", "reason",
)  # fmt: skip
HELP = """List enrichments: each identifier in a lane.

--since and --until are about when they were settled. Failed ones are listed by that, the last
first; the others by when they were asked for first.
"""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "enrichments",
        epilog=examples(
            "enrichd enrichments --state failed --since 12h",
            "enrichd enrichments --identifier stripe.com",
            "enrichd enrichments --job JOB_ID --state not_found --format csv > missing.csv",
        ),
    )(lister("enrichment", COLUMNS, plain, help=HELP))
