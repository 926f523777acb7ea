"""`enrichd strays`: envelopes that settled nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from manager.cli.acting import acting
from manager.cli.groups import SHOW, group
from manager.cli.lists import lister, plain
from manager.cli.options import examples
from manager.cli.tables import show_one
from manager.ledger.connect import Ledger
from manager.operator.whole import whole_stray
from manager.settings import Settings

EXAMPLES = examples("enrichd strays --job JOB_ID", "enrichd strays show 17")
COLUMNS = ("stray_id", "job_id", "line", "bytes", "kept_at", "reason")
HELP = """List the envelopes that settled nothing: unknown, repeated or unreadable ones."""


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(strays, name="strays")


def _show(settings: Settings, id: str, as_json: bool) -> None:
    with Ledger(settings, "cli").connect() as connection:
        shown = asdict(whole_stray(connection, id))
    shown["envelope"] = bytes(shown["envelope"]).decode("utf-8", "backslashreplace")
    show_one(shown, as_json, notes={"line": "of the job's results"})


@acting("stray.prune", "STRAY_ID")
def prune(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="SPAN", help="Kept so long ago: 90d, 12h.")
    ] = None,
) -> dict[str, Any]:
    """Remove envelopes that settled nothing."""
    return {"older_than": older_than}


strays = group("List strays, show one with its envelope, or remove some.", EXAMPLES)
_list = lister("stray", COLUMNS, plain, help=HELP, shown=_show, metavar="STRAY_ID")
strays.command(SHOW, epilog=EXAMPLES)(_list)
strays.command(
    "prune",
    epilog=examples("enrichd strays prune --all --older-than 90d", "enrichd strays prune 17"),
)(prune)
strays.command("list", epilog=EXAMPLES)(lister("stray", COLUMNS, plain, help=HELP))
