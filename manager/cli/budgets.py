"""`enrichd budgets`: the caps, what is spent and left of them, and where they are going."""

from __future__ import annotations

import typer

from manager.cli.account_column import check_account
from manager.cli.options import Account, DataDir, Json, examples, print_json, settings_for
from manager.cli.tables import show_list
from manager.errors import amount
from manager.operator.budgets import Forecast, Listed, listed


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("budgets", epilog=examples("enrichd budgets", "enrichd budgets --json"))(budgets)


def budgets(account: Account = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show each budget: what is spent, reserved and left, and until when.

    expected is what will have been spent by then at the pace of the last day.
    """
    settings = settings_for(data_dir)
    check_account(settings, account)
    found = listed(settings, account)
    if as_json:
        print_json([it.as_dict() for it in found])
        return
    rows = [_row(it, forecast) for it in found for forecast in it.forecasts]
    show_list(rows, ("budget", *COLUMNS, "turns", "then"), as_json=False)


COLUMNS = ("unit", "cap", "spent", "reserved", "waiting", "left", "expected")


def _row(it: Listed, forecast: Forecast) -> dict[str, str]:
    numbers = {name: amount(getattr(forecast, name)) for name in COLUMNS[1:]}
    return {
        "budget": it.standing.name,
        "unit": forecast.unit,
        **numbers,
        "turns": it.standing.turns,
        "then": _then(it, forecast),
    }


def _then(it: Listed, forecast: Forecast) -> str:
    """What comes of it."""
    if it.standing.blocks:
        return f"{it.standing.waiting_records:,} wait"
    if forecast.reached_at is not None:
        return f"reached at about {forecast.reached_at:%Y-%m-%d %H:%M} UTC"
    return "lasts" if forecast.expected <= forecast.cap else "reached"
