"""`enrichd lookup`: what the ledger knows of identifiers already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from manager.cli.files import IdentifierFiles, Options
from manager.cli.files.arguments import Column, Delimiter, Encoding, FileFormat, Header, Sheet
from manager.cli.known import as_object, show_known
from manager.cli.options import (
    Account,
    DataDir,
    Endpoint,
    Json,
    examples,
    print_json,
    settings_for,
)
from manager.client import paths
from manager.client.sync import Manager
from manager.errors import InvalidRequestError
from manager.identifiers import IDENTIFIER_TYPES, IdentifierType, normalise

EXAMPLES = examples(
    "enrichd lookup stripe.com",
    "enrichd lookup stripe.com --history",
    "enrichd lookup 'Stripe' 602014 --max-age 2592000 --json",
    "enrichd lookup --file domains.txt --type domains --json",
)
_PROFILE = re.compile(r"(^|\.)linkedin\.com$", re.IGNORECASE)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("lookup", epilog=EXAMPLES)(lookup)


def lookup(
    identifiers: Annotated[
        list[str] | None, typer.Argument(metavar="IDENTIFIER", show_default=False)
    ] = None,
    type: Annotated[
        str | None,
        typer.Option(
            help=f"What the identifiers are: {', '.join(IDENTIFIER_TYPES)}. "
            "Default: what each looks like; in a file, domains."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file of them as for `enqueue`; - for standard input."),
    ] = None,
    column: Column = None,
    format: FileFormat = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    header: Header = None,
    account: Account = None,
    endpoint: Endpoint = None,
    fields: Annotated[
        str, typer.Option(help="Only field selections with these dotted paths, comma-separated.")
    ] = "",
    max_age: Annotated[float | None, typer.Option(help="Nothing older, in seconds.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Every request, job and purchase, in order.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show what is known of identifiers already, and how old it is.

    The newest record of each, or why there is none. Nothing is bought, nothing is changed. Of all
    accounts, endpoints and field selections, unless narrowed. --json prints one object a line.
    Exit code 1: there is a record of none of them.
    """
    if type is not None and type not in IDENTIFIER_TYPES:
        raise InvalidRequestError(f"--type: {type!r} is not one of {', '.join(IDENTIFIER_TYPES)}.")
    if identifiers == ["-"]:
        identifiers, file = None, Path("-")
    if bool(identifiers) == (file is not None):
        raise InvalidRequestError("Name identifiers, or a file of them with --file.")
    manager = Manager(settings_for(data_dir))
    found_any = False
    reading = Options(type or "domains", column, format, delimiter, encoding, sheet, header)  # type: ignore[arg-type]
    for kind, values in _asked(identifiers or [], type, file, reading):
        for known in manager.lookup(
            kind,
            values,
            account=account,
            endpoint=endpoint,
            fields=paths.split(fields),
            max_age=max_age,
            history=history,
        ):
            found_any = found_any or known.record is not None
            if as_json:
                print_json(as_object(known))
            else:
                show_known(known)
    if not found_any:
        raise typer.Exit(1)


def _asked(
    identifiers: list[str],
    type: str | None,
    file: Path | None,
    reading: Options,
) -> Iterator[tuple[IdentifierType, Iterable[Any]]]:
    """The identifiers, in runs of one type."""
    given: Any = type
    if file is not None:
        assert reading.type is not None
        yield reading.type, IdentifierFiles([file], reading)
        return
    for looks_like, run in groupby(identifiers, key=lambda it: given or guessed(it)):
        yield looks_like, list(run)


def guessed(text: str) -> IdentifierType:
    """What an identifier looks like; what looks like nothing else is a name."""
    plain = text.strip()
    url = plain if "://" in plain else f"https://{plain}"
    looks_like: IdentifierType = "domains"
    if plain.isascii() and plain.isdigit():
        looks_like = "crustdata_company_ids"
    elif "@" in plain:
        looks_like = "business_emails"
    elif _is_profile(url):
        looks_like = "professional_network_profile_urls"
    try:
        normalise(looks_like, plain)
    except ValueError:
        return "names"
    return looks_like


def _is_profile(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(_PROFILE.search(parts.hostname or "")) and parts.path.strip("/") != ""
    except ValueError:
        return False
