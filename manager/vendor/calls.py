"""Calls: the second scarce thing. What a call is, what it is worth, and who grants it.

A gate grants calls of one account's three routes within the vendor's rate limits, over all
machines. A call that may not be made now is told when it may, and that time is kept for its
`who`; it comes again then, with the same name. What is worth more goes before.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, Protocol

Route = Literal["submit", "status", "list"]


class Worth(IntEnum):
    """What a call is worth; the more goes before the less."""

    SAMPLE = 1
    """The results of a job that may be ours, or an adopted job's; they can wait."""
    IDLE_LOOK = 2
    """A look while no slot is free or no work waits: for foreign jobs, for ends not yet due."""
    LINKS = 3
    """Where the results of a finished job are: callers wait for them."""
    LOOK = 4
    """A look while work waits: it finds the slot that has become free."""
    SUBMIT = 5
    """A submission: it fills a slot that is free."""


class Gate(Protocol):
    """Keeps the calls of all workers of an account within the vendor's rate limits."""

    def take(self, route: Route, who: str, worth: Worth) -> None:
        """Take one call of the route, now.

        who: the caller, under which a reservation is kept from one attempt to the next.
        Raises NotYourTurn, which says when to come again; nothing has been sent then.
        """

    def answered(
        self,
        route: Route,
        limit: int | None,
        remaining: int | None,
        reset: float | None,
        blocked: float | None,
    ) -> None:
        """Learn from an answer what its headers say [docs]; None is what they do not say.

        limit, remaining: calls. reset: seconds until the oldest call leaves the sliding
        window. blocked: seconds for which the vendor wants no call of the route at all.
        """


class NoGate:
    """Lets every call through."""

    def take(self, route: Route, who: str, worth: Worth) -> None:
        """Do nothing."""

    def answered(
        self,
        route: Route,
        limit: int | None,
        remaining: int | None,
        reset: float | None,
        blocked: float | None,
    ) -> None:
        """Do nothing."""
