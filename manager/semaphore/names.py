"""What Redis holds is named after the ledger and the account, so that ledgers can share a Redis."""

from __future__ import annotations

from dataclasses import dataclass

from manager.vendor.calls import Route


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose keys they are.

    ledger: the random id that a ledger gives itself. account: the account's id in it.
    """

    ledger: str
    account: int

    @property
    def slots(self) -> str:
        """The account's semaphore."""
        return f"{self._prefix}:slots"

    def calls(self, route: Route) -> str:
        """The account's calls of a route."""
        return f"{self._prefix}:calls:{route}"

    @property
    def measures(self) -> str:
        """How long the account's calls and steps took."""
        return f"{self._prefix}:measures"

    @property
    def acknowledged(self) -> str:
        """Until when an operator knows of the account's failures."""
        return f"{self._prefix}:acknowledged"

    @property
    def _prefix(self) -> str:
        # The braces keep an account's keys on one node of a cluster, where a script needs them.
        return f"enrichd:{{{self.ledger}:{self.account}}}"


def queue_prefix(ledger: str) -> str:
    """What the names of a ledger's Celery queues begin with."""
    return f"enrichd:{ledger}:"


def presences(ledger: str) -> str:
    """Which processes are at work on a ledger."""
    return f"enrichd:{ledger}:processes"


def failed_logins(ledger: str, of: str) -> str:
    """How often a login at the web has failed lately. of: a digest of address and name."""
    return f"enrichd:{ledger}:logins:{of}"
