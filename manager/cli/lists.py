"""Commands that list: each kind's filters as options, an order, pages, and the list as a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from enum import StrEnum
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from manager.cli.account_column import account_column
from manager.cli.filters import filter_options, given_by, options_named
from manager.cli.options import DataDir, Json, settings_for
from manager.cli.tables import show_list
from manager.errors import InvalidRequestError
from manager.ledger.connect import Ledger
from manager.operator.chosen import Chosen, Kind, choose
from manager.operator.listing import SORTS, Row, default, export, page
from manager.settings import Settings


class ListFormat(StrEnum):
    """How a list is written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


After = Annotated[
    str | None, typer.Option("--after", metavar="PLACE", help="Go on where another page ended.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]
Format = Annotated[
    ListFormat,
    typer.Option("--format", help="csv and jsonl have all that is chosen, not a page of it."),
]
Columns = tuple[str, ...]
# Where a list of several accounts says which one a row is of: after the first column.
_ACCOUNT = 1


def lister(
    kind: Kind,
    columns: Columns,
    told: Callable[[Any], Mapping[str, Any]],
    *,
    help: str,
    shown: Callable[[Settings, str, bool], None] | None = None,
    metavar: str = "ID",
) -> Callable[..., None]:
    """A command that lists a kind: of each row these columns of what `told` makes of it.

    shown: what it does with an id, where it takes one, called `metavar`.
    """

    def command(
        sort: str | None,
        limit: int,
        after: str | None,
        format: ListFormat,
        data_dir: Path | None,
        as_json: bool,
        id: str | None = None,
        **rest: Any,
    ) -> None:
        settings = settings_for(data_dir)
        given = given_by(kind, rest)
        if id is not None and shown is not None:
            if given:
                raise InvalidRequestError(f"{metavar} goes with no filters.")
            shown(settings, id, as_json)
            return
        with options_named(kind):
            chosen = choose(kind, given)
            _list(settings, chosen, sort, limit, after, format, as_json)

    def _list(
        settings: Settings,
        chosen: Chosen,
        sort: str | None,
        limit: int,
        after: str | None,
        format: ListFormat,
        as_json: bool,
    ) -> None:
        which = account_column(settings, chosen.given.get("account"))
        with Ledger(settings, "cli").connect() as connection:
            if format is not ListFormat.TABLE:
                for part in export(connection, chosen, sort, format):
                    sys.stdout.buffer.write(part)
                sys.stdout.buffer.flush()
                return
            found = page(connection, chosen, sort, after, limit)
        names = (*columns[:_ACCOUNT], *which, *columns[_ACCOUNT:])
        rows = [asdict(it) if as_json else dict(told(it)) for it in found.rows]
        show_list(rows, names, as_json)
        if found.next is not None:
            print(f"There are more: --after {found.next}", file=sys.stderr)

    command.__doc__ = help
    parameters = [*_parameters(kind, metavar if shown else None)]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {it.name: it.annotation for it in parameters}
    return command


def _parameters(kind: Kind, metavar: str | None) -> Iterator[Parameter]:
    def parameter(name: str, annotation: Any, value: Any) -> Parameter:
        return Parameter(name, Parameter.KEYWORD_ONLY, default=value, annotation=annotation)

    if metavar is not None:
        argument = typer.Argument(metavar=metavar, help="Show this one.", show_default=False)
        yield parameter("id", Annotated[str | None, argument], None)
    yield from filter_options(kind)
    first = default(choose(kind, {}))
    sorts = f"{', '.join(SORTS[kind])}; by default {first}."
    yield parameter("sort", Annotated[str | None, typer.Option("--sort", help=sorts)], None)
    yield parameter("limit", Limit, 20)
    yield parameter("after", After, None)
    yield parameter("format", Format, ListFormat.TABLE)
    yield parameter("data_dir", DataDir, None)
    yield parameter("as_json", Json, False)


def plain(row: Row) -> dict[str, Any]:
    """A row as it is."""
    return asdict(row)
