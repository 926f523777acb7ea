"""A downloaded results file on its way into the ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from manager.settings import Settings
from manager.steps.echoes import Echoes
from manager.vendor import download, errors
from manager.vendor.envelope import BadEnvelope, decode, storable

# (line, enrichment_id, sent, internal_id, record, reason)
Row = tuple[int, int | None, bool, int | None, str | None, str | None]
NOBODY: list[tuple[int | None, bool]] = [(None, False)]


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

    def rows(self, echoes: Echoes) -> Iterator[Row]:
        """What COPY takes: a row for each enrichment that an envelope names, else one."""
        for line in self.readable():
            self.lines += 1
            named: list[tuple[int, bool]] | None = None
            internal_id: int | None = None
            record: str | None = None
            reason: str | None = None
            try:
                envelope = decode(line)
                named = echoes.named(envelope.original_identifier)
                record = storable(bytes(envelope.data))
                internal_id = envelope.internal_id
            except (BadEnvelope, ValueError) as error:
                self.unreadable += named is None
                reason = f"the envelope cannot be read: {error}"
            for enrichment_id, sent in named or NOBODY:
                yield self.lines, enrichment_id, sent, internal_id, record, reason

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
