"""Where an action is offered: a page of an object does not offer what would do nothing there.

What is not offered can still be asked for, and says that there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from manager.ledger.states import ACTIVE, ENDED, JobState, NoticeState
from manager.operator.status import Status

# Arguments that name a file of the machine that serves the console: they are for commands.
LOCAL_FILES = frozenset({"file"})
# What asks for something of one object alone.
OF_ONE = frozenset({"job.adopt", "job.send-again"})

_FAILURES = {"jobs-failed", "few-found"}
_NOTICES = {"target-gone", "target-paused", "target-failing", "notices-abandoned"}
_AT_VENDOR = (ACTIVE | ENDED) - {JobState.SUBMITTING}


def _in(*states: str) -> Callable[[Set[str]], bool]:
    return lambda of: bool(of & set(states))


def _not_in(*states: str) -> Callable[[Set[str]], bool]:
    return lambda of: not of & set(states)


OFFERED: Mapping[str, Callable[[Set[str]], bool]] = {
    "account.pause": _not_in("paused"),
    "account.resume": _in("paused"),
    "account.acknowledge": _in("failures"),
    "account.retry-notices": _in("notices"),
    "lane.pause": _not_in("paused"),
    "lane.resume": _in("paused"),
    "request.cancel": _in("open"),
    "request.reprioritise": _in("open"),
    "request.retry": _in("failed"),
    "request.prune": _not_in("open"),
    "job.retry": _in(JobState.FAILED, JobState.REJECTED, JobState.EXPIRED, JobState.MERGED),
    "job.cancel": _in(JobState.PACKED),
    "job.give-up": _in(*_AT_VENDOR),
    "job.merge": _in(*ENDED, JobState.FAILED, JobState.EXPIRED, JobState.MERGED),
    "job.adopt": _in(JobState.SUBMITTING),
    "job.send-again": _in(JobState.SUBMITTING),
    "notice.retry": _in(NoticeState.WAITING, NoticeState.ABANDONED),
    "enrichment.retry": _in("failed"),
    "enrichment.refresh": _in("fulfilled", "not_found"),
}
"""By action: whether it is offered to an object in these states; what is not here always is."""


def states_of(found: Status, name: str) -> list[str]:
    """The states that an account is in, as far as actions go by them."""
    standing = next((it for it in found.accounts if it.account == name), None)
    told = {it.code for it in found.problems + found.warnings if it.account == name}
    states = []
    if standing is not None and (standing.paused_reason is not None or standing.paused_endpoints):
        states.append("paused")
    if told & _FAILURES:
        states.append("failures")
    if told & _NOTICES:
        states.append("notices")
    return states
