"""Echoes: which enrichments of a job an envelope names, however the vendor spells what was sent.

Both sides are normalised, for what is in the ledger may have been written under the rules of a
release before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.identifiers import NORMALISERS
from manager.ledger.execute import rows
from manager.ledger.sql import Statements

SQL = Statements("staging")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job asks for: an enrichment, its key, and its identifier as it was sent."""

    id: int
    key: str
    identifier: str


class Echoes:
    """The enrichments of one job, by whatever the vendor may call them."""

    def __init__(self, asked: Sequence[Asked], identifier_type: str) -> None:
        self._normalise = NORMALISERS[identifier_type]
        self._sent: dict[str, list[int]] = defaultdict(list)
        self._meant: dict[str, list[int]] = defaultdict(list)
        for it in asked:
            for form in {it.identifier, it.key}:
                self._sent[form].append(it.id)
            try:
                self._meant[self._normalise(it.identifier).key].append(it.id)
            except ValueError:  # an earlier release took it
                continue

    @classmethod
    def of(cls, connection: Connection[Any], job_id: UUID, identifier_type: str) -> Echoes:
        """Those of the job, whether it has been merged or not."""
        return cls(rows(connection, SQL.asked, Asked, {"job_id": job_id}), identifier_type)

    def named(self, echo: str) -> list[tuple[int, bool]]:
        """The enrichments that the echo names, and whether it is what was sent for them.

        Several where an earlier release has bought one thing twice. None when the job did not ask
        for it. Raises ValueError when it is nothing that could be asked for.
        """
        sent = self._sent.get(echo, [])
        try:
            meant = self._meant.get(self._normalise(echo).key, [])
        except ValueError:
            if not sent:
                raise
            meant = []
        return [(it, True) for it in sent] + [(it, False) for it in meant if it not in sent]
