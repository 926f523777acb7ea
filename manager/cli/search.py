"""`enrichd search`: what a word names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from manager.cli.known import as_object, show_known
from manager.cli.options import DataDir, Json, examples, print_json, print_line, settings_for
from manager.cli.tables import show_list
from manager.ledger.connect import Ledger
from manager.operator.search import search as find

Word = Annotated[
    list[str],
    typer.Argument(metavar="WORD", help="An id or its beginning, an identifier, …"),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "search",
        epilog=examples(
            "enrichd search stripe.com",
            "enrichd search 01a218c0-22b8",
            "enrichd search customer=7",
            "enrichd search lane 5",
        ),
    )(search)


def search(
    words: Word,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many of each.")] = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Find what a word names.

    The id of a request, job or batch, or the beginning of one; an idempotency key, a tag, a value
    in metadata (also KEY=VALUE), an account; an identifier in any spelling: each purchase, request
    and job of it, and the record with its age. Exit code 1: nothing is called so.
    """
    with Ledger(settings_for(data_dir), "cli").connect() as connection:
        found = find(connection, " ".join(words), limit)
    if as_json:
        known = [as_object(it) for it in found.known]
        print_json({"word": found.word, "hits": [asdict(it) for it in found.hits], "known": known})
    elif not found.hits and not found.known:
        print_line(f"Nothing is called {found.word[:80]!r}.")
    else:
        hits: list[dict[str, Any]] = [asdict(it) | {"object_id": it.id} for it in found.hits]
        if hits:
            show_list(hits, ("kind", "object_id", "account", "by", "at", "sentence"), as_json=False)
        for it in found.known:
            print_line()
            show_known(it)
    raise typer.Exit(0 if found.hits or found.known else 1)
