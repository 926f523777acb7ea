"""`enrichd drain`: submit nothing new, and wait until all that is at the vendor is merged."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

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
from manager.ledger.connect import Ledger
from manager.operator import drain as operator
from manager.operator.accounts import standing
from manager.steps.context import Context


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "drain",
        epilog=examples(
            "enrichd drain",
            "enrichd drain --account crm --timeout 600",
            'enrichd drain --resume --why "a look at an empty account"',
        ),
    )(drain)


def drain(
    account: Account = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Exit with 4 when it takes longer."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Submit again, when it is drained.")
    ] = False,
    why: Why = None,
    by: By = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Submit nothing new, and wait until all is merged.

    As before a deploy: until nothing of ours is at the vendor, and all results are in the ledger.
    All accounts, or one. What waits stays in the ledger; the accounts stay paused until
    `enrichd resume`, or --resume. One that was paused for another reason stays so.
    """
    context = Context(settings_for(data_dir), "cli")
    if account is not None:
        with Ledger(context.settings, "cli").connect() as connection:
            standing(connection, account)
    who = actor(by, why)
    paused = operator.begin(context, account, who)
    with Console(stderr=True).status("") as progress:
        operator.wait(
            context,
            account,
            timeout,
            lambda left: progress.update("; ".join(str(it) for it in left if not it.drained)),
        )
    if resume:
        operator.resume(context, paused, who)
    if as_json:
        left = [asdict(it) for it in operator.left(context, account)]
        print_json({"drained": True, "paused": paused, "resumed": resume, "accounts": left})
        return
    stay = "" if resume else " Nothing new is submitted until `enrichd resume`."
    print_line(f"Drained: nothing is at the vendor, and all is merged.{stay}")
    for it in operator.left(context, account):
        if it.account not in paused:
            print_line(f"Account {it.account} was paused already: {it.paused_reason}.")
