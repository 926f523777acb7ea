"""`enrichd accounts`, `pause`, `resume`: which accounts there are, and whether they submit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from manager.cli.acting import By, Why, actor
from manager.cli.groups import SHOW, group
from manager.cli.options import (
    Account,
    DataDir,
    Endpoint,
    Json,
    ask_first,
    examples,
    print_json,
    print_line,
    settings_for,
)
from manager.cli.tables import show_list
from manager.errors import InvalidRequestError
from manager.ledger.connect import Ledger
from manager.operator import accounts as operator
from manager.operator.actions import ChosenAccount, perform
from manager.settings import Settings
from manager.steps.context import Context

MAX_REASON = 500
EXAMPLES = examples(
    "enrichd accounts", "enrichd accounts rename OLD NEW", "enrichd accounts remove NAME"
)
accounts = group("List the accounts, rename or remove one.", EXAMPLES)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The account's name.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(accounts, name="accounts")
    app.command(
        "pause",
        epilog=examples(
            'enrichd pause --reason "new key is on its way"',
            "enrichd pause --account crm --endpoint person/enrich",
        ),
    )(pause)
    app.command("resume", epilog=examples("enrichd resume", "enrichd resume --account crm"))(resume)


@accounts.command(SHOW, epilog=EXAMPLES)
def show(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the accounts, also those that were removed."""
    settings = settings_for(data_dir)
    served = {account.name for account in settings.served}
    shown = [
        {name: value for name, value in asdict(account).items() if name != "id"}
        | {"account": account.name, "configured_here": account.name in served}
        for account in operator.listed(settings)
    ]
    for row in shown:
        del row["name"]
        row["standing"] = _standing(row)
    columns = ("account", "standing", "slots", "live_jobs", "open_requests", "created_at")
    show_list(shown, columns, as_json)


def _standing(row: dict[str, Any]) -> str:
    if row["removed_at"] is not None:
        return "removed"
    if row["paused_reason"] is not None:
        return f"paused: {row['paused_reason']}"
    return "works" if row["configured_here"] else "works where it is configured, not here"


@accounts.command("rename", epilog=examples("enrichd accounts rename default crm"))
def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Its name.", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.", show_default=False)],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give an account another name; all that it bought stays its own.

    The configuration must name it so, too, wherever a daemon runs: restart it then.
    """
    operator.rename(settings_for(data_dir), old, new)
    if as_json:
        print_json({"account": new, "was": old})
    else:
        print_line(
            f"Account {old} is {new} now. Name it so in the configuration of every daemon and "
            "caller ([accounts.NAME], ENRICHD_ACCOUNT), and restart them."
        )


@accounts.command("remove", epilog=examples("enrichd accounts remove old"))
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Serve an account no more; its results, requests and history stay.

    Refused while it has live jobs or identifiers that wait. An account that is still configured
    comes back with the next `enrichd up` or `enrichd db upgrade`.
    """
    settings = settings_for(data_dir)
    ask_first(f"Remove account {name}? What it bought stays.", yes=yes, as_json=as_json)
    operator.remove(settings, name)
    if as_json:
        print_json({"account": name, "removed": True})
    else:
        print_line(f"Account {name} is removed. Take it out of the configuration, too.")


def pause(
    reason: Annotated[str, typer.Option(help="Shown to whoever asks why.")] = "by an operator",
    account: Account = None,
    endpoint: Endpoint = None,
    why: Why = None,
    by: By = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Submit nothing new on an account until `resume`.

    With --endpoint only to that one. Jobs that the vendor has already go on and are merged.
    Without --account: the configured account, or the only one.
    """
    if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
        raise InvalidRequestError(
            f"--reason must be 1 to {MAX_REASON} printable characters, not {reason[:80]!r}."
        )
    settings = settings_for(data_dir)
    name = the_account(settings, account)
    values = {"reason": reason, "endpoint": endpoint}
    perform(Context(settings, "cli"), "account.pause", ChosenAccount(name), values, actor(by, why))
    _say(name, endpoint, reason, as_json)


def resume(
    account: Account = None,
    endpoint: Endpoint = None,
    why: Why = None,
    by: By = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Submit again after a pause, also one for want of credits.

    Without --endpoint to all endpoints of the account. Without --account: the configured
    account, or the only one.
    """
    settings = settings_for(data_dir)
    name = the_account(settings, account)
    values = {"endpoint": endpoint}
    perform(Context(settings, "cli"), "account.resume", ChosenAccount(name), values, actor(by, why))
    _say(name, endpoint, None, as_json)


def the_account(settings: Settings, name: str | None) -> str:
    """The account that is meant: the named one, else the configured one, else the only one.

    Raises NotFoundError, and InvalidRequestError when it could be any of several.
    """
    with Ledger(settings, "cli").connect() as connection:
        names = operator.known_names(connection)
        if name is None and settings.account not in names:
            if len(names) > 1:
                raise InvalidRequestError(
                    f"Which account? Name it with --account: {', '.join(names)}."
                )
            name = next(iter(names), None)
        return operator.standing(connection, name or settings.account).name


def _say(name: str, endpoint: str | None, reason: str | None, as_json: bool) -> None:
    if as_json:
        said = {"account": name, "paused_reason": reason}
        print_json(said | ({"endpoint": endpoint} if endpoint else {}))
        return
    of_it = f", endpoint {endpoint}," if endpoint else ""
    state = "submits again" if reason is None else f"is paused: {reason}"
    print_line(f"Account {name}{of_it} {state}.")
