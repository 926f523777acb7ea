"""Bytes to lines of text: any encoding, any line ends, and the line that is wrong is named."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise

from manager.cli.files.unpack import SAMPLE, Stream
from manager.errors import InvalidRequestError

MAX_LINE = 65_536
MAX_RECORD = 4 * 2**20
_BOMS = {
    "UTF-32": ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")),
    "UTF-8": ((codecs.BOM_UTF8, "utf-8"),),
    "UTF-16": ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")),
}
# A carriage return at the end of what has been read may be half of a line end.
_END = re.compile(r"\r\n|\r(?!\Z)|\n")


class Text:
    """The text of a stream. A byte order mark says how it is encoded, else the user, else UTF-8.

    Lines keep their ends. `number` is the line that was given last, from 1.
    """

    def __init__(self, stream: Stream, encoding: str | None, name: str) -> None:
        self.name = name
        self.number = 0
        self._stream = stream
        self._skip, self._codec, self.encoding = _encoding(stream.head, encoding, name)

    def sample(self) -> list[str]:
        """The first lines, as far as they can be read; whole ones, if there are more."""
        text = self._stream.head[self._skip :].decode(self._codec, "replace")
        ends = [0, *(match.end() for match in _END.finditer(text))]
        lines = [text[begin:end] for begin, end in pairwise(ends)]
        rest = text[ends[-1] :]
        return [*lines, rest] if rest and (self._stream.is_whole or not lines) else lines

    def lines(self, limit: int) -> Iterator[str]:
        """Each line, of `limit` characters at most."""
        decoder = codecs.getincrementaldecoder(self._codec)()
        self._stream.read(self._skip)
        pending, at_end = "", False
        while not at_end:
            octets = self._stream.read(SAMPLE) or b""
            at_end = not octets
            pending += self._decoded(decoder, octets, at_end, pending)
            if at_end and pending.endswith("\r"):
                pending += "\n"
            place = 0
            for match in _END.finditer(pending):
                yield self._next(pending[place : match.end()], limit)
                place = match.end()
            pending = pending[place:]
            if len(pending) > limit:
                self._next(pending, limit)
        if pending:
            yield self._next(pending, limit)

    def error(self, what: str, number: int | None = None) -> InvalidRequestError:
        """The line cannot be read: the one that was given last, if no other is named."""
        return InvalidRequestError(
            f"{self.name}: line {number or self.number} {what}; nothing was done."
        )

    def _next(self, line: str, limit: int) -> str:
        self.number += 1
        if len(line) > limit + 2:
            raise self.error(f"is longer than {limit:,} characters")
        return line

    def _decoded(
        self, decoder: codecs.IncrementalDecoder, octets: bytes, final: bool, pending: str
    ) -> str:
        try:
            return decoder.decode(octets, final)
        except UnicodeDecodeError as error:
            before = pending + error.object[: error.start].decode(self._codec, "replace")
            *lines, last = _END.split(before)
            byte = len(last.encode(self._codec, "replace")) + 1
            raise self.error(
                f"is not {self.encoding} text (byte {byte}: {error.reason}); if it is encoded in "
                "another way, say how: --encoding latin-1, or cp1252",
                self.number + len(lines) + 1,
            ) from None
        except UnicodeError as error:
            raise self.error(f"is not {self.encoding} text ({error})", self.number + 1) from None


def _encoding(head: bytes, given: str | None, name: str) -> tuple[int, str, str]:
    """How many bytes the mark has, the codec, and what it is called."""
    for called, marks in _BOMS.items():
        for mark, codec in marks:
            if head.startswith(mark):
                return len(mark), codec, called
    if given is not None:
        codec = codecs.lookup(given).name
        return 0, codec, "UTF-8" if codec == "utf-8" else given
    if head[:2] != b"\0\0" and (head[1::2].count(0) + head[::2].count(0)) * 3 > len(head):
        wide = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        raise InvalidRequestError(
            f"{name} seems to be UTF-16 without a byte order mark; say so: --encoding {wide}."
        )
    return 0, "utf-8", "UTF-8"
