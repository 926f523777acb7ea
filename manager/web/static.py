"""Files of the pages: read once at the start, so no path of a request ever reaches a disk."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PREFIX = "/static/"
YEAR = 365 * 86_400


class File(NamedTuple):
    """A file as it is served. version: of its content."""

    content: bytes
    media_type: str
    version: str


def static(name: str) -> str:
    """The URL of a file in manager/web/static, with its version. Raises KeyError."""
    return f"{PREFIX}{name}?v={_files()[name].version}"


def routes() -> list[Route]:
    """The route of all of them; a file that is asked for by its version may be kept for ever."""
    _files()
    return [Route(PREFIX + "{name:path}", _serve)]


async def _serve(request: Request) -> Response:
    file = _files().get(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    kept = request.query_params.get("v") == file.version
    headers = {
        "Cache-Control": f"max-age={YEAR}, immutable" if kept else "no-cache",
        "ETag": f'"{file.version}"',
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)


@cache
def _files() -> dict[str, File]:
    return dict(_below(files("manager.web").joinpath("static"), ""))


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, File]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{prefix}{entry.name}/")
        elif not entry.name.startswith("."):
            content = entry.read_bytes()
            kind = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
            version = hashlib.sha256(content).hexdigest()[:16]
            yield prefix + entry.name, File(content, kind, version)
