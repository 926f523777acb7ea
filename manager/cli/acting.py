"""Acting: what is chosen is shown with its cost, confirmed, done and told; the same for every
command that changes something.
"""

from __future__ import annotations

import getpass
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from manager.cli.filters import filter_options, given_by, options_named
from manager.cli.options import (
    DataDir,
    Json,
    answered,
    ask_first,
    print_json,
    print_line,
    settings_for,
)
from manager.errors import InvalidRequestError
from manager.operator.accounts import standing
from manager.operator.actions import (
    ACTIONS,
    Action,
    Actor,
    Choice,
    Done,
    Preview,
    perform,
    preview,
)
from manager.operator.actions.ids import whole_ids
from manager.operator.chosen import choose
from manager.steps.context import Context

Why = Annotated[str | None, typer.Option("--why", help="Why; it stays in the history.")]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who does it. Default: the system's user."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done, and its price; change nothing.")
]
All = Annotated[bool, typer.Option("--all", help="All there are.")]

_COMMON: tuple[tuple[str, Any, Any], ...] = (
    ("everything", All, False),
    ("why", Why, None),
    ("by", By, None),
    ("dry_run", DryRun, False),
    ("yes", Yes, False),
    ("data_dir", DataDir, None),
    ("as_json", Json, False),
)


def acting(action: str, metavar: str) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a command of a function that says which values its own options give the action.

    The command takes ids, called `metavar`, or the kind's filters, or --all; and --why, --by,
    --dry-run, --yes and --json.
    """
    kind: Any = ACTIONS[action].kind

    def decorate(values: Callable[..., Mapping[str, Any]]) -> Callable[..., None]:
        own = _parameters_of(values)

        @wraps(values)
        def command(
            ids: list[str] | None,
            everything: bool,
            why: str | None,
            by: str | None,
            dry_run: bool,
            yes: bool,
            data_dir: Path | None,
            as_json: bool,
            **rest: Any,
        ) -> None:
            who = actor(by, why)
            context = Context(settings_for(data_dir), "cli")
            given = values(**{it.name: rest[it.name] for it in own})
            what = chosen(context, action, ids or [], given_by(kind, rest), everything)
            act(
                context, action, what, given, who,
                yes=yes, as_json=as_json, dry_run=dry_run, named=bool(ids),
            )  # fmt: skip

        argument = typer.Argument(metavar=metavar, help="Which ones.", show_default=False)
        parameters = [
            _parameter("ids", Annotated[list[str] | None, argument], None),
            *own,
            *filter_options(kind),
            *(_parameter(*it) for it in _COMMON),
        ]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {it.name: it.annotation for it in parameters}
        return command

    return decorate


def actor(by: str | None, why: str | None) -> Actor:
    """Who acts from here."""
    return Actor(by or _user(), "cli", why)


def chosen(
    context: Context, action: str, ids: Sequence[str], given: Mapping[str, str], everything: bool
) -> Choice:
    """What is meant: those ids, or what the filter says, or all.

    Raises InvalidRequestError, also when nothing is said; NotFoundError.
    """
    kind: Any = ACTIONS[action].kind
    if everything and (ids or given):
        raise InvalidRequestError("--all goes with neither ids nor filters.")
    if not (ids or given or everything):
        raise InvalidRequestError(
            "Say which: ids, a filter such as --since 2h (see --help), or --all."
        )
    if ids:
        given = {**given, "id": ",".join(whole_ids(context, kind, ids))}
    if account := given.get("account"):
        with context.ledger.connect() as connection:
            standing(connection, account)
    with options_named(kind):
        return choose(kind, given).fixed


def act(
    context: Context,
    action: str,
    what: Choice,
    values: Mapping[str, Any],
    who: Actor,
    *,
    yes: bool,
    as_json: bool,
    dry_run: bool = False,
    named: bool = False,
) -> None:
    """Show what the action would do, ask, do it and tell.

    named: by its id; what is safe is not asked about then.
    """
    which = ACTIONS[action]
    shown = preview(context, action, what, values)
    if dry_run:
        _show(which, shown, as_json)
        return
    if shown.count and not (named and which.effect == "safe"):
        if not as_json:
            print_line(_said(which, shown))
        confirm(which, shown.count, yes=yes, as_json=as_json)
    done = perform(context, action, what, values, who)
    _tell(which, done, as_json)
    if done.refused:
        raise typer.Exit(1)


def confirm(action: Action, count: int, *, yes: bool, as_json: bool) -> None:
    """Go on after a yes; where it spends or discards, after the count was typed."""
    if yes or as_json or action.effect == "safe":
        ask_first("Go on?", yes=yes, as_json=as_json)
        return
    with answered():
        typed = typer.prompt(f"Type {count} to go on", default="", show_default=False)
    if typed.replace(",", "").strip() != str(count):
        print_line("Nothing was done.")
        raise typer.Exit(1)


def _show(action: Action, shown: Preview, as_json: bool) -> None:
    if as_json:
        credits = None if shown.credits is None else float(shown.credits)
        print_json({"action": action.name, "dry_run": True} | asdict(shown) | {"credits": credits})
    else:
        print_line(_said(action, shown))


def _said(action: Action, shown: Preview) -> str:
    return f"{shown.sentence} {action.note}".rstrip() if shown.count else shown.sentence


def _tell(action: Action, done: Done, as_json: bool) -> None:
    if as_json:
        print_json({"action": action.name} | asdict(done))
        return
    print_line(done.sentence)
    for request_id in done.made:
        print_line(f"Follow it: enrichd requests {request_id}")
    for refusal in done.refused:
        print_line(f"  {refusal}")


def _parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    hints = get_type_hints(function, include_extras=True)
    return [
        it.replace(annotation=hints[it.name], kind=Parameter.KEYWORD_ONLY)
        for it in inspect.signature(function).parameters.values()
    ]


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return f"uid {os.getuid()}"
