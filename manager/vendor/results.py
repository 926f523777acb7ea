"""Results: the lines of a job's results file, streamed with bounded memory.

The file is gzipped JSONL [seed], whole or in parts; gzip may have several members.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from manager.settings import Settings
from manager.vendor.errors import ResultsCorrupt, ResultsTooLarge

READ = 64 * 2**10
BLOCK = 2**20
_GZIP = 16 + zlib.MAX_WBITS


def lines(paths: Sequence[Path], settings: Settings) -> Iterator[bytes]:
    """The lines of the parts in order, without newlines and without blank ones.

    A line may run on into the next part; a last line without a newline counts. Memory is
    bounded by `merge_max_line`, whatever the size of the file.
    Raises ResultsTooLarge over `merge_max_line` or `merge_max_bytes`, ResultsCorrupt for what
    is not gzip, is cut off or fails its checksum; the lines before that have been given.
    """
    longest, left = settings.merge_max_line, settings.merge_max_bytes
    rest: list[bytes] = []  # the beginning of a line whose end is still to come
    length = 0
    for path in paths:
        for block in _gunzip(path):
            left -= len(block)
            if left < 0:
                raise ResultsTooLarge(
                    f"{path.name}: the results have more than merge_max_bytes = "
                    f"{settings.merge_max_bytes} bytes."
                )
            found = block.split(b"\n")
            length += len(found[0])
            if length > longest or len(max(found, key=len)) > longest:
                raise ResultsTooLarge(
                    f"{path.name}: a line has more than merge_max_line = {longest} bytes."
                )
            rest.append(found[0])
            if len(found) == 1:
                continue
            found[0] = b"".join(rest)
            rest = [found.pop()]
            length = len(rest[0])
            for line in found:
                if line and not line.isspace():
                    yield line
        if length and _is_whole(line := b"".join(rest)):
            yield line
            rest, length = [], 0
    if length and not (line := b"".join(rest)).isspace():
        yield line


def _is_whole(line: bytes) -> bool:
    """Whether a part's last line, which has no newline, ends here.

    Else the vendor has cut its file into parts without regard to lines. No beginning of a
    JSON object is itself one, so there is no doubt.
    """
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _gunzip(path: Path) -> Iterator[bytes]:
    """The uncompressed bytes, in blocks of 1 MiB at most; an empty file has none."""
    member, members, offset = None, 0, 0
    with path.open("rb") as file:
        while chunk := file.read(READ):
            offset += len(chunk)
            while chunk:
                if member is None:
                    if members and not (chunk := chunk.lstrip(b"\0")):
                        break  # padded with zeros, which other tools accept, too
                    member, members = zlib.decompressobj(_GZIP), members + 1
                try:
                    block = member.decompress(chunk, BLOCK)
                except zlib.error as error:
                    where = f"{path.name} near byte {offset - len(chunk)}"
                    raise ResultsCorrupt(f"{where} is corrupt: {error}.") from None
                if block:
                    yield block
                chunk = member.unused_data if member.eof else member.unconsumed_tail
                if member.eof:
                    member = None
    if member:
        raise ResultsCorrupt(f"{path.name} is cut off at byte {offset}, before its checksum.")
