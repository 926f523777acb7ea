"""`enrichd jobs`: the jobs, or one with its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC
from typing import Any

import typer

from manager.cli.groups import SHOW, group
from manager.cli.job_actions import add_actions
from manager.cli.lists import lister
from manager.cli.options import examples, print_json, print_line
from manager.cli.tables import plain, show_one
from manager.ledger.connect import Ledger
from manager.operator.history.jobs import moves
from manager.operator.listing import JobRow
from manager.operator.whole import JOB_NOTES, whole_job
from manager.operator.words import waits
from manager.settings import Settings

EXAMPLES = examples(
    "enrichd jobs --state failed,expired --since 12h",
    "enrichd jobs --request REQUEST_ID --sort ended",
    "enrichd jobs --reason 502 --format csv > jobs.csv",
    "enrichd jobs JOB_ID --json",
    "enrichd jobs give-up JOB_ID",
    "enrichd jobs merge JOB_ID --file results.jsonl.gz",
)
COLUMNS = (
    "job_id", "endpoint", "type", "state", "slot", "identifier_count", "result_count",
    "created_at", "why",
)  # fmt: skip
MOST_MOVES = 10_000


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(jobs, name="jobs")


def _told(row: JobRow) -> Mapping[str, Any]:
    why = waits(row.waits_for) if row.waits_for else row.why
    more = f"; {row.error}" if row.error and row.error not in why else ""
    return asdict(row) | {"why": why + more}


def _show(settings: Settings, id: str, as_json: bool) -> None:
    with Ledger(settings, "cli").connect() as connection:
        shown = whole_job(connection, id)
        history = moves(connection, shown.job_id, MOST_MOVES)[::-1]
    if as_json:
        print_json(asdict(shown) | {"history": [asdict(it) for it in history]})
        return
    show_one(asdict(shown), as_json=False, notes=JOB_NOTES)
    print_line()
    for it in history:
        moved = f"{it.from_state or 'new'} → {it.to_state}"
        at = it.at.astimezone(UTC)
        print_line(f"{at:%Y-%m-%d %H:%M:%S}  {moved}  {plain(it.why)} ({plain(it.by)})")


jobs = group("List jobs, show one with its history, or act on some.", EXAMPLES)
jobs.command(SHOW, epilog=EXAMPLES)(
    lister(
        "job",
        COLUMNS,
        _told,
        help="List jobs, or show one with its history.",
        shown=_show,
        metavar="JOB_ID",
    )
)
add_actions(jobs)
