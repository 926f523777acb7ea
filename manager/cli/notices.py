"""`enrichd notices`: who was told what, who was not and why; tell again, and try a target out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer

from manager.cli.account_column import account_column
from manager.cli.acting import By, Why, actor
from manager.cli.options import (
    Account,
    DataDir,
    Json,
    Limit,
    examples,
    print_json,
    print_line,
    settings_for,
)
from manager.cli.tables import show_list, show_one
from manager.errors import EnrichdError, InvalidRequestError, NotFoundError
from manager.ledger.connect import Ledger
from manager.ledger.states import NoticeState
from manager.operator import notices as act
from manager.operator.actions import ChosenOne, perform
from manager.operator.words import counted
from manager.steps.context import Context
from manager.targets import EVENTS

EXAMPLES = examples(
    "enrichd notices list --state abandoned",
    "enrichd notices show 4f1c",
    "enrichd notices targets",
    "enrichd notices retry --target 3",
    "enrichd notices test https://hooks.example.com/enrichd",
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(
        help="Who was told what: list, show, try again, try a target out.",
        epilog=EXAMPLES,
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("list", epilog=examples("enrichd notices list --state abandoned"))(list_notices)
    group.command("show", epilog=examples("enrichd notices show 4f1c"))(show)
    group.command("targets", epilog=examples("enrichd notices targets"))(targets)
    group.command("retry", epilog=examples("enrichd notices retry --target 3"))(retry)
    group.command(
        "test", epilog=examples("enrichd notices test https://hooks.example.com/enrichd")
    )(tell_example)
    app.add_typer(group, name="notices")


def list_notices(
    state: Annotated[
        str | None, typer.Option(help=f"Only those that are: {', '.join(NoticeState)}.")
    ] = None,
    event: Annotated[str | None, typer.Option(help=f"One of {', '.join(EVENTS)}.")] = None,
    request: Annotated[str | None, typer.Option(metavar="ID", help="Only of this request.")] = None,
    account: Account = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List notices, the newest first.

    waiting: to be told, now or when it is tried again. told: the target has taken it. superseded: a
    later one of the same request says more. abandoned: tried for notify_days, or its target is
    gone.
    """
    settings = settings_for(data_dir)
    with Ledger(settings, "cli").connect() as connection:
        found = act.listed(
            connection,
            account=account,
            state=state,
            event=event,
            request_id=_request(request),
            limit=limit,
        )
    which = account_column(settings, account)
    columns = ("id", *which, "event", "state", "target", "request_id", "attempts", "created_at")
    show_list([_shown(it) for it in found], (*columns, "error"), as_json)


def show(
    notice_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or how it begins.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show a notice: what it tells, and each try at telling it."""
    with Ledger(settings_for(data_dir), "cli").connect() as connection:
        found = act.find(connection, notice_id)
        data = act.payload(connection, found.id)
        tries = [asdict(it) for it in act.attempts(connection, found.id)]
    if as_json:
        print_json(_shown(found) | {"data": data, "tries": tries})
        return
    show_one(_shown(found) | {"data": data}, as_json=False)
    for it in tries:
        answered = f" ({it['status']})" if it["status"] else ""
        came = it["error"] or f"told{answered}"
        print_line(f"try {it['number']}, {it['began_at']:%Y-%m-%d %H:%M:%S}: {came}")


def targets(limit: Limit = 100, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the targets, those in trouble first.

    failing: the last notice was not taken. paused: none was for notify_pause_after; it is tried
    rarely. gone: it has answered 410, and is told nothing more.
    """
    with Ledger(settings_for(data_dir), "cli").connect() as connection:
        found = act.targets(connection, limit)
    listed = []
    for it in found:
        values = asdict(it) | {"target": it.target, "state": it.state}
        del values["address"]
        listed.append(values)
    columns = ("id", "target", "state", "waiting", "failures", "delivered_at", "accounts", "error")
    show_list(listed, columns, as_json)


def retry(
    notice_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The id, or how it begins.")
    ] = None,
    target: Annotated[
        int | None, typer.Option(help="All of this target; its number in `notices targets`.")
    ] = None,
    account: Account = None,
    why: Why = None,
    by: By = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Tell again, now: one notice, a target's, or an account's.

    What was abandoned, and what waits. The targets are tried anew, also what was paused or gone.
    """
    named = {"notice": notice_id, "target": target, "account": account}
    given = [(kind, str(name)) for kind, name in named.items() if name is not None]
    if len(given) != 1:
        raise InvalidRequestError("Say what to tell again: an ID, --target or --account.")
    [(kind, name)] = given
    action = "account.retry-notices" if kind == "account" else f"{kind}.retry"
    context = Context(settings_for(data_dir), "cli")
    done = perform(context, action, ChosenOne(name, kind), {}, actor(by, why))
    count = done.counts["again"]
    if as_json:
        print_json({"again": count})
    else:
        print_line(f"{counted(count, 'notice')} will be told again.")


def tell_example(
    target: Annotated[
        str,
        typer.Argument(
            help="https://HOST/PATH, task:NAME@BROKER, pg:CHANNEL, or a name in notify_targets."
        ),
    ],
    event: Annotated[str, typer.Option(help=f"One of {', '.join(EVENTS)}.")] = "request.finished",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Tell a target an example, signed as a real one, from here and with these settings.

    Its data has "test": true.
    """
    known = next((it for it in EVENTS if it == event), None)
    if known is None:
        raise InvalidRequestError(f"--event: {event[:80]!r} is not one of {', '.join(EVENTS)}.")
    settings = settings_for(data_dir)
    with Ledger(settings, "cli").connect() as connection:
        came = act.example(connection, settings, target, known, settings.account)
    if as_json:
        print_json({"target": act.shown(target), "told": came.error is None} | _of(came))
    elif came.error is None:
        print_line(f"{act.shown(target)} was told{f' ({came.status})' if came.status else ''}.")
    if came.error is not None:
        if as_json:
            raise typer.Exit(1)
        raise EnrichdError(f"{act.shown(target)} was not told: {came.error}")


def _of(came: Any) -> dict[str, Any]:
    return {"status": came.status, "error": came.error}


def _shown(it: act.Notice) -> dict[str, Any]:
    values = asdict(it) | {"target": it.target}
    del values["address"]
    return values


def _request(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError(f"There is no request {text[:80]!r} in the ledger.") from None
