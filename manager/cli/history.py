"""`enrichd history`: all that happened to an object."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from typing import Annotated

import typer
from psycopg import Connection

from manager.cli.options import DataDir, Json, examples, print_json, print_line, settings_for
from manager.cli.tables import plain
from manager.cli.width import folded, terminal_width
from manager.errors import InvalidRequestError, NotFoundError
from manager.ledger.connect import Ledger
from manager.operator.history import OBJECTS, Event, History
from manager.operator.history import history as told
from manager.operator.search import Hit, search

Object = Annotated[
    list[str],
    typer.Argument(metavar="OBJECT", help="An id or its beginning, an account, an identifier, …"),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "history",
        epilog=examples(
            "enrichd history 01a218c0-22b8",
            "enrichd history stripe.com",
            "enrichd history account crm",
            "enrichd history lane 5",
        ),
    )(history)


def history(
    object: Object,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many events.")] = 200,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Tell all that happened to an object.

    What it did, what was done to it, and by whom: of a job, a request, an identifier in each lane,
    an account, a lane. OBJECT is what `enrichd search` finds.
    """
    with Ledger(settings_for(data_dir), "cli").connect() as connection:
        found = [
            told(connection, it.kind, it.id, limit)  # type: ignore[arg-type]
            for it in _objects(connection, " ".join(object))
        ]
    if as_json:
        print_json([asdict(it) for it in found])
        return
    for number, it in enumerate(found):
        if number:
            print_line()
        _show(it)


def _objects(connection: Connection[object], word: str) -> list[Hit]:
    """What is meant: one object, or the enrichments of one identifier."""
    hits = [it for it in search(connection, word).hits if it.kind in OBJECTS]
    if not hits:
        raise NotFoundError(f"Nothing in the ledger is called {word[:80]!r}.")
    first = [it for it in hits if it.by == hits[0].by and it.kind == hits[0].kind]
    if len(first) > 1 and first[0].kind != "enrichment":
        several = ", ".join(f"{it.kind} {it.id}" for it in first[:5])
        raise InvalidRequestError(f"{word[:80]!r} is the name of several: {several}. Say which.")
    return first


def _show(found: History) -> None:
    print_line(f"{found.kind} {found.id}: {plain(found.about)}")
    if not found.complete:
        print_line("(only the last of it; more with --limit)")
    width = terminal_width()
    for event in found.events:
        at = f"{event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if event.at else "at some time      "
        text = plain(_said(event, found))
        lines = [text] if width is None else folded(text, max(20, width - 4 - len(at)))
        print_line(f"  {at}  {lines[0]}")
        for line in lines[1:]:
            print_line(f"  {'':{len(at)}}    {line}")


def _said(event: Event, found: History) -> str:
    of = [
        f"{name} {id}"
        for name, id in (
            ("job", event.job_id),
            ("request", event.request_id),
            ("batch", event.batch_id),
        )
        if id is not None and str(id) != found.id
    ]
    parts = [*([event.detail] if event.detail else []), *of]
    by = f" ({event.by})" if event.by else ""
    return f"{event.what}{': ' if parts else ''}{'; '.join(parts)}{by}".replace("\n", " ")
