"""session.sql"""

from __future__ import annotations

from manager.testing.memory.statements import Statements


class Session(Statements):
    """There is no session, and so nothing to be set in it."""

    swap = Statements._nothing
