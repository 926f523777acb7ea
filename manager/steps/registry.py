"""The registry of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from manager.logs import bound
from manager.settings import Settings
from manager.steps.context import Context, Wake
from manager.steps.look import look
from manager.steps.merge import merge
from manager.steps.pack import pack
from manager.steps.resolve import resolve
from manager.steps.retain import EVERY as RETAIN_EVERY
from manager.steps.retain import retain
from manager.steps.submit import submit
from manager.steps.sweep import sweep
from manager.steps.tell import EVERY as TELL_EVERY
from manager.steps.tell import tell
from manager.steps.tidy import tidy
from manager.steps.traced import traced

Queue = Literal["quick", "merge", "tell"]
"""Steps that end within moments, those that download results, and those that wait for others'
servers: none must delay another.
"""

MINUTES = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """A step: what it is called with, where it runs, for how long, and how often by itself.

    per: a step of the machine is called with the context, one of an account with that account,
    too, one of a job with the job's id, too. time_limit: seconds after which it is killed.
    every: seconds between two wake-ups by beat; None when only others wake it.
    """

    name: str
    run: Callable[..., list[Wake]]
    per: Literal["machine", "account", "job"]
    queue: Queue
    time_limit: float
    every: Callable[[Settings], float] | None = None


STEPS: Mapping[str, Step] = {
    step.name: step
    for step in (
        Step("sweep", sweep, "account", "quick", 15 * MINUTES, lambda it: it.sweep_interval),
        Step("pack", pack, "account", "quick", 15 * MINUTES),
        Step("look", look, "account", "quick", 15 * MINUTES),
        Step("submit", submit, "job", "quick", 15 * MINUTES),
        Step("resolve", resolve, "job", "merge", 240 * MINUTES),
        Step("merge", merge, "job", "merge", 240 * MINUTES),
        Step("tell", tell, "account", "tell", 15 * MINUTES, lambda _: TELL_EVERY),
        # shows, too, that a worker of merges works: it may have none for hours
        Step("tidy", tidy, "machine", "merge", 15 * MINUTES, lambda _: 10.0),
        Step("retain", retain, "machine", "merge", 15 * MINUTES, lambda _: RETAIN_EVERY),
    )
}


def run(context: Context, wake: Wake) -> list[Wake]:
    """Run the step that the wake-up is for. Raises ConfigurationError for an unserved account."""
    step = STEPS[wake.step]
    arguments: list[Any] = [context]
    timed: AbstractContextManager[None] = nullcontext()
    if step.per != "machine":
        account = context.account(wake.account)
        if wake.step not in ("sweep", "tell") and account.trouble is not None:
            return []  # it is paused for that
        arguments.append(account)
        timed = account.measures.step(wake.step)
    if step.per == "job":
        assert isinstance(wake.job_id, UUID)
        arguments.append(wake.job_id)
    with (
        bound(step=wake.step, account=wake.account or None, job=wake.job_id),
        timed,
        traced(context, wake),
    ):
        return step.run(*arguments)
