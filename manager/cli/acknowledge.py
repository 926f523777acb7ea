"""`enrichd acknowledge`: what has failed until now is known, and no warning any more."""

from __future__ import annotations

import typer

from manager.cli.accounts import the_account
from manager.cli.acting import By, Why, actor
from manager.cli.options import (
    Account,
    DataDir,
    Json,
    examples,
    print_json,
    print_line,
    settings_for,
)
from manager.operator.actions import ChosenAccount, perform
from manager.steps.context import Context


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "acknowledge", epilog=examples("enrichd acknowledge", "enrichd acknowledge --account crm")
    )(acknowledge)


def acknowledge(
    account: Account = None,
    why: Why = None,
    by: By = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """End the warnings of what has failed, or found little, until now.

    They come back with the next failure. Nothing else changes.
    """
    settings = settings_for(data_dir)
    name = the_account(settings, account)
    chosen = ChosenAccount(name)
    perform(Context(settings, "cli"), "account.acknowledge", chosen, {}, actor(by, why))
    if as_json:
        print_json({"account": name, "acknowledged": True})
    else:
        print_line(f"What has failed on account {name} until now is known.")
