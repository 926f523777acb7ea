"""Takes a file's packing off, by what is in it rather than by its name, as a stream."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import IO, Any

from manager.errors import InvalidRequestError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# How much of a file is looked at to find out what it is.
SAMPLE = 65_536
MAX_LAYERS = 3

_PACKINGS: dict[str, tuple[bytes, Callable[..., Any]]] = {
    "gzip": (b"\x1f\x8b\x08", lambda file: gzip.GzipFile(fileobj=file)),
    "zstd": (b"\x28\xb5\x2f\xfd", zstd.ZstdFile),
    "bzip2": (b"BZh", bz2.BZ2File),
    "xz": (b"\xfd7zXZ\x00", lzma.LZMAFile),
}
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zstd.ZstdError, lzma.LZMAError)


class Stream(io.RawIOBase):
    """What was read of a stream to look at it, and then the rest."""

    def __init__(self, rest: IO[bytes]) -> None:
        self.head = rest.read(SAMPLE)
        self.is_whole = len(self.head) < SAMPLE
        self._left = memoryview(self.head)
        self._rest = rest

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As any raw stream does."""
        if self._left:
            size = min(len(buffer), len(self._left))
            buffer[:size], self._left = self._left[:size], self._left[size:]
            return size
        read = self._rest.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)


def unpack(file: IO[bytes], name: str) -> tuple[Stream, str | None]:
    """The stream without its packing, and what that was."""
    stream, packings = Stream(file), []
    while packing := _packing(stream.head):
        packings.append(packing)
        if len(packings) > MAX_LAYERS:
            raise InvalidRequestError(f"{name} is packed more than {MAX_LAYERS} times.")
        stream = Stream(_PACKINGS[packing][1](io.BufferedReader(stream)))
    return stream, " in ".join(packings) or None


def _packing(head: bytes) -> str | None:
    found = (name for name, (magic, _) in _PACKINGS.items() if head.startswith(magic))
    return next(found, None)
