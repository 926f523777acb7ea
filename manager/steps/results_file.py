"""A downloaded results file on its way into the ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from manager.identifiers import NORMALISERS
from manager.settings import Settings
from manager.vendor import download, errors
from manager.vendor.envelope import BadEnvelope, decode, storable


@dataclass(slots=True)
class ResultsFile:
    """The parts of a job's results, and what was found in them.

    expected: how many lines the vendor says there are, None when it does not. lines, unreadable:
    how many there were, and how many of them name nobody. broken: why it is not whole.
    """

    paths: list[Path]
    expected: int | None
    identifier_type: str
    settings: Settings
    lines: int = 0
    unreadable: int = 0
    broken: str | None = field(default=None)

    def rows(self) -> Iterator[tuple[int, str | None, int | None, str | None, str | None]]:
        """(line, key, internal_id, record, reason) of each envelope, for COPY."""
        normalise = NORMALISERS[self.identifier_type]
        for line in self.readable():
            self.lines += 1
            key = None
            try:
                envelope = decode(line)
                key = normalise(envelope.original_identifier).key
                record = storable(bytes(envelope.data))
            except (BadEnvelope, ValueError) as error:
                self.unreadable += key is None
                yield self.lines, key, None, None, f"the envelope cannot be read: {error}"
            else:
                yield self.lines, key, envelope.internal_id, record, None

    def readable(self) -> Iterator[bytes]:
        """The lines, as far as they can be read."""
        try:
            yield from download.lines(self.paths, self.settings)
        except errors.ResultsCorrupt as error:
            self.broken = str(error)

    def drop_broken_parts(self) -> None:
        """Read only whole parts: where bits have flipped, records may be wrong yet readable."""
        whole = []
        for path in self.paths:
            try:
                deque(download.lines([path], self.settings), maxlen=0)
            except errors.ResultsCorrupt as error:
                self.broken = str(error)
            else:
                whole.append(path)
        self.paths = whole

    def doubt(self) -> str | None:
        """Why an identifier that is not in the file may have been delivered all the same."""
        if self.broken:
            return f"the results file is corrupt: {self.broken}"
        if self.expected is not None and self.lines != self.expected:
            return f"the results file has {self.lines} lines, the vendor says {self.expected}"
        return None

    @property
    def unread(self) -> str | None:
        """That some lines tell nothing of whom they are about."""
        if not self.unreadable:
            return None
        return f"{self.unreadable} lines of the results file cannot be read"
