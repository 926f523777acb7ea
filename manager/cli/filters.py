"""Filters as options: a command has one for each filter of its kind, of the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import Parameter
from typing import Annotated, Any

import typer

from manager.errors import InvalidRequestError
from manager.operator.chosen import FILTERS, METADATA, Kind

_PREFIX = "by_"


def filter_options(kind: Kind) -> Iterator[Parameter]:
    """The options, as parameters of a command; `given_by` reads what they say."""
    for name, it in FILTERS[kind].items():
        help = f"Only those: {it.help}."
        annotation: Any = Annotated[str | None, typer.Option(f"--{name}", help=help)]
        default: Any = None
        if name == "id":
            continue  # those are arguments
        if name == "open":
            annotation = Annotated[bool, typer.Option("--open", help="Only those that are open.")]
            default = False
        elif name == "metadata":
            option = typer.Option("--metadata", metavar="KEY=VALUE", help=help)
            annotation = Annotated[list[str] | None, option]
        yield Parameter(
            _PREFIX + name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )


def given_by(kind: Kind, arguments: Mapping[str, Any]) -> dict[str, str]:
    """What the options say, as a URL's query would. Raises InvalidRequestError."""
    given: dict[str, str] = {}
    for name in FILTERS[kind]:
        match arguments.get(_PREFIX + name):
            case None | False:
                pass
            case True:
                given[name] = "1"
            case list() as pairs:
                given |= dict(map(_metadata, pairs))
            case str() as value if not value.strip():  # of a variable that is not set: not all
                raise InvalidRequestError(f"--{name} is empty: say which, or leave it out.")
            case value:
                given[name] = str(value)
    return given


@contextmanager
def options_named(kind: Kind) -> Iterator[None]:
    """Errors that name a filter, or how the list is shown, name the option."""
    try:
        yield
    except InvalidRequestError as error:
        if str(error).partition(":")[0] in {*FILTERS[kind], "sort", "after"}:
            raise InvalidRequestError(f"--{error}") from None
        raise


def _metadata(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise InvalidRequestError(f"--metadata: {text[:80]!r} is not of the form KEY=VALUE.")
    return f"{METADATA}{key}", value
