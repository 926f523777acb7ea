"""`enrichd lanes`: list lanes, pause and resume them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from manager.cli.acting import acting
from manager.cli.groups import SHOW, group
from manager.cli.lists import lister, plain
from manager.cli.options import examples

EXAMPLES = examples("enrichd lanes list --state waiting", "enrichd lanes --endpoint person/enrich")
COLUMNS = (
    "lane_id", "endpoint", "type", "fields", "waiting", "oldest_at", "jobs", "in_jobs", "paused",
    "reason", "waits_for",
)  # fmt: skip
HELP = """List lanes: what may share a job.

waiting: identifiers that wait to be packed; oldest: since when the first in line is due. jobs and
in jobs: the live ones, and the identifiers in them. paused: what of it is.
"""
lanes = group("List lanes, or pause and resume some: what may share a job.", EXAMPLES)
for _name in (SHOW, "list"):
    lanes.command(_name, epilog=EXAMPLES)(lister("lane", COLUMNS, plain, help=HELP))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(lanes, name="lanes")


@lanes.command(
    "pause",
    epilog=examples(
        'enrichd lanes pause 7 --reason "the field is renamed" --why "the vendor\'s mail"',
        "enrichd lanes pause --endpoint person/enrich",
    ),
)
@acting("lane.pause", "LANE")
def pause(
    reason: Annotated[str | None, typer.Option(help="Shown to whoever asks why.")] = None,
) -> dict[str, Any]:
    """Pack and submit nothing of a lane until `resume`.

    What waits in it waits on; jobs that the vendor has go on and are merged.
    """
    return {"reason": reason}


@lanes.command("resume", epilog=examples("enrichd lanes resume 7", "enrichd lanes resume --all"))
@acting("lane.resume", "LANE")
def resume() -> dict[str, Any]:
    """Pack and submit again what is in a lane."""
    return {}
