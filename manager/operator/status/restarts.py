"""Processes that have ended without having been asked to, and were started again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from manager.operator.problems import Problem, warning
from manager.operator.status.account import Looked
from manager.semaphore import Presence

# Seconds for which it is told.
SHOWN = 600.0
HOW = {
    "SIGKILL": "was killed (SIGKILL), by somebody or for want of memory,",
    "was ended, since it had hung": "hung, was ended by its supervisor,",  # as the supervisor says
}


def problems(looked: Looked) -> Iterator[Problem]:
    """Each, until it has been at work for a while."""
    for seen in looked.known.seen or ():
        it = seen.presence
        if seen.alive and _has_died(it) and it.clock - it.started + seen.ago < SHOWN:
            yield _restarted(looked, it)


def _has_died(it: Presence) -> bool:
    return it.restarts > 0 and it.last_exit not in (None, "exit code 0")


def _restarted(looked: Looked, it: Presence) -> Problem:
    how = HOW.get(it.last_exit or "", f"ended ({it.last_exit})")
    at = datetime.fromtimestamp(it.started, UTC)
    often = f", {it.restarts:,} times since its supervisor began" if it.restarts > 1 else ""
    folder = looked.settings.data_dir
    log = f"{folder}/logs/{it.name}.log" if folder else "its log"
    return warning(
        "process-restarted",
        f"{it.name} on {it.host} {how} and was started again at {at:%H:%M:%S} UTC{often} (pid "
        f"{it.pid})",
        f"Nothing need be done: what it was at is done again. If it happens again, see {log}.",
    )
