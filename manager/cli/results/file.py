"""Where results are written to: standard output, or a file that appears when it is whole."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from manager.errors import EnrichdError, InvalidRequestError

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
# Characters of the name that the unfinished file has, too; names may have 255 bytes.
_NAME = 40


@contextmanager
def opened(output: Path | None, *, binary: bool) -> Iterator[IO[bytes]]:
    """The file to write to; None, `-` and `/dev/stdout` are standard output.

    Raises InvalidRequestError for one that cannot be written, and EnrichdError for one that could
    not be written to the end, of which nothing is left.
    """
    if output is None or str(output) in ("-", "/dev/stdout"):
        with _refusing_terminals(sys.stdout.buffer, binary):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    output = output.expanduser()
    try:
        with _as_it_is(output, binary) if _is_special(output) else _whole(output) as file:
            yield file
            file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise EnrichdError(f"{output} cannot be written: {error.strerror}.") from None


def _is_special(output: Path) -> bool:
    """Whether it is a device, a pipe, or a file that is open already: never replaced."""
    with _saying(output):
        return bool(_DESCRIPTOR.fullmatch(str(output))) or (
            output.exists() and not output.is_file()
        )


@contextmanager
def _as_it_is(output: Path, binary: bool) -> Iterator[IO[bytes]]:
    open_already = _DESCRIPTOR.fullmatch(str(output))
    with _saying(output):
        file = os.fdopen(os.dup(int(open_already[1])), "wb") if open_already else output.open("wb")
    with file, _refusing_terminals(file, binary):
        yield file


@contextmanager
def _whole(output: Path) -> Iterator[IO[bytes]]:
    """A file beside the place; when all went well it takes that, and the mode of what was there."""
    with _saying(output):
        output = output.resolve()  # of a symbolic link its target is replaced, not the link
        prefix, suffix = f".{output.name[:_NAME]}.", ".partial"
        descriptor, partial = tempfile.mkstemp(suffix, prefix, output.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            with _saying(output):
                os.fsync(descriptor)
        with _saying(output):
            if output.exists():
                shutil.copymode(output, partial)
            else:
                os.chmod(partial, 0o666 & ~_umask())
            os.replace(partial, output)
    finally:
        with suppress(OSError):
            os.unlink(partial)


@contextmanager
def _refusing_terminals(file: IO[bytes], binary: bool) -> Iterator[None]:
    if binary and file.isatty():
        raise InvalidRequestError(
            "A Parquet file is nothing for a terminal; name a file with --output, or use a pipe."
        )
    yield


@contextmanager
def _saying(output: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidRequestError(f"{output} cannot be written: {reason}.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
