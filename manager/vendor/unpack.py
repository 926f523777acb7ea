"""Unpack: files as they come, packed once, several times, in pieces, or not at all.

What a file is shows in its first byte: no JSON text begins as gzip does. Its name says nothing,
and neither does what a server calls it, since proxies pack and unpack on the way.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from manager.vendor.errors import ResultsCorrupt, ResultsTooLarge

READ = 64 * 2**10
BLOCK = 2**20
# Nobody packs so often by mistake, but a file that unpacks to itself exists.
LAYERS = 4
_GZIP = 16 + zlib.MAX_WBITS
_MAGIC, _ZERO = b"\x1f", b"\0"


class Piece(NamedTuple):
    """Some bytes of a file, never none.

    begins: whether they are the first of the file, or of a member of gzip. packed: whether gzip
    vouches for them with its checksum.
    """

    file: str
    content: bytes
    begins: bool
    packed: bool = False


def unpacked(paths: Sequence[Path], limit: int) -> Iterator[Piece]:
    """The files' bytes without any gzip, in order, in pieces of 1 MiB at most.

    An empty file has none. limit: most bytes of all files together, in no layer more.
    Raises ResultsTooLarge over the limit, and ResultsCorrupt for what is cut off, fails its
    checksum, goes on as something else, or is packed more than 4 times.
    """
    pieces = _read(paths)
    for _ in range(LAYERS):
        pieces = _bounded(_gunzip(pieces), limit)
    for piece in pieces:
        if piece.begins and piece.content.startswith(_MAGIC):
            raise ResultsCorrupt(f"{piece.file} is corrupt: packed more than {LAYERS} times.")
        yield piece


def _read(paths: Sequence[Path]) -> Iterator[Piece]:
    for path in paths:
        begins = True
        with path.open("rb") as file:
            while content := file.read(READ):
                yield Piece(path.name, content, begins)
                begins = False


def _bounded(pieces: Iterable[Piece], limit: int) -> Iterator[Piece]:
    left = limit
    for piece in pieces:
        left -= len(piece.content)
        if left < 0:
            raise ResultsTooLarge(
                f"{piece.file}: the results have more than merge_max_bytes = {limit} bytes."
            )
        yield piece


def _gunzip(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """One layer of gzip taken off the files that have one; the others as they are."""
    layer = _Layer("")
    for piece in pieces:
        if piece.file != layer.file:
            layer.end()
            layer = _Layer(piece.file)
        yield from layer.take(piece)
    layer.end()


class _Layer:
    """Where one layer of one file has got to."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._member: zlib._Decompress | None = None  # the one that is being unpacked
        self._members = 0
        self._packed = False
        self._begins = False  # whether the member has given nothing yet
        self._offset = 0

    def take(self, piece: Piece) -> Iterator[Piece]:
        # In the midst of a member, one of the layer around it may begin anywhere.
        if piece.begins and self._member is None:
            first = piece.content[:1]
            self._packed = first == _MAGIC or (first == _ZERO and self._members > 0)
        if not self._packed:
            yield piece
            return
        for start in range(0, len(piece.content), READ):
            chunk = piece.content[start : start + READ]
            self._offset += len(chunk)
            yield from self._unpack(chunk)

    def end(self) -> None:
        """The file ends here."""
        if self._member is not None:
            raise ResultsCorrupt(
                f"{self.file} is cut off at byte {self._offset}, before its checksum."
            )

    def _unpack(self, chunk: bytes) -> Iterator[Piece]:
        while chunk:
            member = self._member
            if member is None:
                # The first member does not begin so; others may be padded, as tools accept.
                if not (chunk := chunk.lstrip(_ZERO)):
                    return
                self._member = member = zlib.decompressobj(_GZIP)
                self._members += 1
                self._begins = True
            try:
                block = member.decompress(chunk, BLOCK)
            except zlib.error as error:
                where = f"{self.file} near byte {self._offset - len(chunk)}"
                raise ResultsCorrupt(f"{where} is corrupt: {error}.") from None
            if block:
                yield Piece(self.file, block, self._begins, packed=True)
                self._begins = False
            if member.eof:
                self._member = None
            chunk = member.unused_data if member.eof else member.unconsumed_tail
