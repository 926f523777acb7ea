"""Stage: what the vendor's word for a job's status means for us."""

from __future__ import annotations

import re
from enum import StrEnum

_SEPARATORS = re.compile(r"[\W_]+")


class Stage(StrEnum):
    """Where a job of the vendor's is, whatever it calls that."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    """It has ended otherwise; results that it has links to are read like any other's."""

    @property
    def ended(self) -> bool:
        """Whether the vendor is done with the job."""
        return self not in (Stage.PENDING, Stage.PROCESSING)


# The first of each is the vendor's own [seed], but for stopped.
_WORDS = {
    Stage.PENDING: "pending queued enqueued created accepted submitted received scheduled waiting "
    "new not_started",
    Stage.PROCESSING: "processing running in_progress started active working executing "
    "validating finalizing retrying cancelling canceling stopping",
    Stage.COMPLETED: "completed complete succeeded success successful done finished",
    Stage.FAILED: "failed failure error errored",
    Stage.STOPPED: "stopped cancelled canceled expired aborted terminated killed timed_out "
    "time_out timeout deleted rejected revoked skipped partial partially_complete "
    "partially_completed partial_success partially_failed completed_with_errors "
    "completed_with_warnings",
}


def _plain(word: str) -> str:
    return _SEPARATORS.sub("", word).casefold()


_STAGES = {_plain(word): stage for stage, words in _WORDS.items() for word in words.split()}


def stage_of(word: str, *, ended: bool) -> Stage:
    """The stage that a status word means, in any case and with any separators.

    ended: whether there is evidence that the job is over. It decides what an unknown word means,
    or none: without it the job counts as at work, since what may still run must not be bought
    again.
    """
    return _STAGES.get(_plain(word)) or (Stage.STOPPED if ended else Stage.PROCESSING)
