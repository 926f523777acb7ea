"""`enrichd actions`: what operators have done."""

from __future__ import annotations

from dataclasses import asdict

import typer

from manager.cli.options import DataDir, Json, Limit, examples, settings_for
from manager.cli.tables import show_list
from manager.ledger.connect import Ledger
from manager.operator.audit import last


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("actions", epilog=examples("enrichd actions", "enrichd actions --json"))(actions)


def actions(limit: Limit = 20, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List what operators have done: who, when, why, to what.

    Of one object `enrichd history` shows it.
    """
    with Ledger(settings_for(data_dir), "cli").connect() as connection:
        listed = [asdict(it) for it in last(connection, limit=limit)]
    if not as_json:
        listed = [it | {"filter": it["filter"] or "all"} for it in listed]
    show_list(listed, ("at", "who", "via", "action", "filter", "counts", "why"), as_json)
