"""Readers that need a package of an extra, and a file that can be read from anywhere."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from manager.cli.files.unpack import SAMPLE, Stream
from manager.errors import InvalidRequestError

# Of what was packed or comes from a pipe, and can only be read as a whole.
MAX_COPIED = 2**32


def load(module: str, extra: str, name: str, what: str) -> Any:
    """The module. Raises InvalidRequestError, which says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InvalidRequestError(
            f"{name} is {what}; to read it, install the extra: "
            f"pip install 'enrichment-manager[{extra}]'. Nothing was done."
        ) from None


@contextmanager
def seekable(path: Path | None, stream: Stream) -> Iterator[IO[bytes]]:
    """The file itself, if that is what is to be read; else a copy of the stream on disk."""
    if path is not None:
        with path.open("rb") as file:
            yield file
        return
    with TemporaryFile(prefix="enrichd-") as copy:
        while octets := stream.read(SAMPLE):
            copy.write(octets)
            if copy.tell() > MAX_COPIED:
                raise InvalidRequestError(
                    f"A file unpacks to more than {MAX_COPIED:,} bytes; unpack it yourself."
                )
        copy.seek(0)
        yield copy
