"""Examine: look at the areas side by side; one that fails or hangs keeps no other from ending."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from manager.operator.doctor import (
    configuration,
    postgres,
    processes,
    redis,
    spool,
    vendor,
    webhook,
)
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import LEVELS, Area, Finding, Level, failed, problem
from manager.settings.origins import Reading

# Seconds that an area may take; what it asks has shorter time-outs of its own.
LIMIT = 30.0

Look = Callable[[Case], Iterator[Finding]]

AREAS: Mapping[Area, Look] = {
    "configuration": configuration.look,
    "postgres": postgres.look,
    "redis": redis.look,
    "vendor": vendor.look,
    "webhook": webhook.look,
    "spool": spool.look,
    "processes": processes.look,
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, area by area."""

    findings: Sequence[Finding]

    @property
    def worst(self) -> Level:
        """The level of the worst finding."""
        return max((it.level for it in self.findings), key=LEVELS.index, default="ok")

    def count(self, level: Level) -> int:
        """How many findings are of that level."""
        return sum(it.level == level for it in self.findings)


def examine(
    reading: Reading,
    areas: Collection[Area] = tuple(AREAS),
    account: str | None = None,
    limit: float = LIMIT,
) -> Diagnosis:
    """Look at these areas, of the accounts at all or at one. Raises nothing; changes nothing.

    limit: seconds after which an area is given up.
    """
    parts = [part for area in AREAS if area in areas for part in _parts(area, reading, account)]
    for part in parts:
        part.start()
    deadline = time.monotonic() + limit
    findings = [it for part in parts for it in part.findings(deadline, limit)]
    return Diagnosis([it for it in findings if account in (None, it.account) or not it.account])


def _parts(area: Area, reading: Reading, account: str | None) -> list[_Part]:
    """The vendor is asked account by account, so that one that hangs holds up no other."""
    if area != "vendor":
        return [_Part(area, reading, account)]
    return [_Part(area, reading, it.name) for it in Case(reading, account).accounts]


@dataclass(slots=True)
class _Part:
    """A thread that looks at an area. It may hang in a call that nothing ends; so it is no
    reason for the process not to end, and what it finds later is not heard.
    """

    area: Area
    reading: Reading
    account: str | None
    _found: list[Finding] = field(default_factory=list)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._look, name=f"doctor {self.area}", daemon=True)
        self._thread.start()

    def findings(self, deadline: float, limit: float) -> list[Finding]:
        """What was found until then."""
        self._thread.join(max(deadline - time.monotonic(), 0))
        found = list(self._found)
        if self._thread.is_alive():
            found.append(self._hangs(found, limit))
        return [replace(it, area=self.area) for it in found]

    def _look(self) -> None:
        try:
            case = Case(self.reading, self.account)
            try:
                for finding in AREAS[self.area](case):
                    self._found.append(finding)
            finally:
                case.close()
        except Exception as error:
            self._found.append(failed("the rest", error))

    def _hangs(self, found: list[Finding], limit: float) -> Finding:
        last = f"what comes after {found[-1].subject!r}" if found else "all of it"
        made = problem(
            "time limit",
            f"{last} was not looked at: it has not ended within {limit:.0f} s",
            "Something takes calls and never answers; see what is named last here.",
        )
        return replace(made, account=self.account if self.area == "vendor" else None)
