"""Files that the console gives: lists, results of requests, envelopes. Sent while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import NamedTuple

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from manager.client.sync import Manager
from manager.client.table import Table
from manager.client.written import csv_lines, json_lines
from manager.errors import InvalidRequestError
from manager.operator.listing import CONTENT_TYPES, export
from manager.operator.trouble import TROUBLE
from manager.web.console.asked import Asked
from manager.web.console.kinds import SHOWN, Shown
from manager.web.console.lists import chosen_by
from manager.web.console.page import Console, is_operator
from manager.web.console.source import Source
from manager.web.streams import UNBUFFERED, answer

# Lines that are sent together.
TOGETHER = 500


class File(NamedTuple):
    """A file's name, and its content as it is read."""

    name: str
    content: Iterator[bytes]


Make = Callable[[Source, Asked], File]


def routes(console: Console) -> list[Route]:
    """Where they are."""
    return [
        *(
            Route(f"{shown.path}/export.{{format}}", _sent(console, _list(shown)))
            for shown in SHOWN.values()
        ),
        Route("/requests/{id:uuid}/results.{format}", _sent(console, _results)),
    ]


def _list(shown: Shown) -> Make:
    """All that a list's filter chooses."""

    def make(source: Source, asked: Asked) -> File:
        chosen, sort, format = chosen_by(shown, asked), asked.one("sort"), _format(asked)

        def content() -> Iterator[bytes]:
            with source.context.ledger.connect() as connection:
                yield from export(connection, chosen, sort or None, format)

        now = datetime.now(UTC)
        return File(f"{shown.path.strip('/')}-{now:%Y%m%d-%H%M%S}.{format}", content())

    return make


def _results(source: Source, asked: Asked) -> File:
    """What a request has brought so far: an identifier a line."""
    format, id = _format(asked), asked.named["id"]
    settings = source.context.settings
    with Manager(settings) as manager:
        endpoint = manager.request(id).progress().endpoint

    def content() -> Iterator[bytes]:
        with Manager(settings) as manager:
            write = csv_lines if format == "csv" else json_lines
            lines = write(Table(endpoint, flatten=False, fields=None), manager.request(id).pages())
            while some := b"".join(islice(lines, TOGETHER)):
                yield some

    return File(f"results-{id}.{format}", content())


def _format(asked: Asked) -> str:
    format = asked.named["format"]
    if format not in CONTENT_TYPES:
        raise InvalidRequestError(
            f"format: {format[:80]!r} is not one of {', '.join(CONTENT_TYPES)}."
        )
    return format


def _sent(console: Console, make: Make) -> Callable[[Request], object]:
    """An endpoint that sends the file; trouble before its first line is told as a page."""

    def begin(asked: Asked) -> File:
        name, content = make(console.source, asked)
        return File(name, chain([next(content, b"")], content))

    async def endpoint(request: Request) -> Response:
        asked = Asked.by(request, is_operator(request))
        try:
            name, content = await run_in_threadpool(begin, asked)
        except TROUBLE as error:
            return await run_in_threadpool(console.refuse, request, error)
        headers = UNBUFFERED | {"Content-Disposition": f'attachment; filename="{name}"'}
        kind = CONTENT_TYPES[name.rpartition(".")[2]]
        file = StreamingResponse(iterate_in_threadpool(content), 200, headers, kind)
        return answer(request, file)

    return endpoint
