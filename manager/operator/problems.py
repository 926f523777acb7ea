"""Problem: what keeps the daemon from working, or soon may, and the way out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["problem", "warning"]

CODES: Mapping[str, str] = {
    "account-unknown": "The ledger has no account of that name, or none at all",
    "no-installation": "The data directory holds no installation",
    "configuration-wrong": "A setting is missing or wrong, or a server does not allow what is set",
    "postgres-unavailable": "Postgres cannot be reached, or broke off",
    "redis-unavailable": "Redis cannot be reached, or takes no writes",
    "semaphore-missing": "Redis has lost an account's slots, and no sweep has made them again yet",
    "account-paused": "An operator has paused an account: nothing new is submitted on it",
    "endpoint-paused": "An account may not use an endpoint, or an operator has paused it",
    "lane-paused": "An operator has paused a lane: nothing of it is packed or submitted",
    "key-missing": "An account has no usable API key",
    "key-refused": "The vendor refuses an account's API key, or what it may do",
    "no-credits": "An account has no credits left at the vendor",
    "submissions-refused": "The vendor has refused too many submissions in a row",
    "daemon-starting": "The daemon was just started, and has swept nothing yet",
    "daemon-stopped": "No worker and no beat is at work: it was stopped, or killed",
    "account-not-served": "No process that is at work knows an account of the ledger",
    "worker-missing": "No worker takes wake-ups from a queue",
    "worker-stalled": "A worker lives, but takes no wake-ups",
    "beat-missing": "No beat is at work, which orders the sweeps",
    "beat-stalled": "Beat lives, but sends no wake-ups",
    "process-restarted": "A worker or beat has died, and was started again",
    "sweep-late": "An account was not swept for too long, though all processes seem to work",
    "results-waiting": "Results wait to be merged, and nobody merges",
    "job-overdue": "A job is at the vendor for far longer than those like it took",
    "slots-taken": "Jobs wait since others' jobs take slots of the account",
    "submission-failing": "Jobs could not be submitted; it is tried again",
    "submission-unresolved": "A lost answer: whether the vendor has a job is being found out",
    "operator-needed": "Whether the vendor has a job cannot be found out without an operator",
    "polls-failing": "The vendor does not say how some jobs are; it is asked again",
    "results-failing": "Results of jobs that have ended cannot be had; it is tried again",
    "jobs-failed": "Jobs, or identifiers in them, have failed lately",
    "few-found": "A job found far less than those of its lane usually do",
    "budget-reached": "A budget keeps something from being bought before its day or month turns",
    "price-missing": "Something waits whose cost cannot be counted, under a budget in credits",
    "list-unavailable": "The vendor's list of jobs cannot be had",
    "target-gone": "A target has said that it wants to be told nothing more",
    "target-paused": "A target has taken no notice for long, and is tried rarely",
    "target-failing": "A target takes no notice at present",
    "notices-abandoned": "Notices were given up: their target has not taken them within days",
    "notices-late": "Notices wait, and nobody tells them",
}
"""What each code means, in one line. A code is stable: runbook and metrics are named after it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what to do about it.

    code: one of CODES. text: what is so, without the account. way_out: what an operator does, or
    that nothing need be done. severity: a problem keeps the daemon from working, on `account` or
    (None) on all of them; a warning does not.
    """

    code: str
    text: str
    way_out: str
    severity: Severity
    account: str | None = None

    @property
    def sentence(self) -> str:
        """What is so and what to do, without whose it is."""
        return f"{self.text.removesuffix('.')}. {self.way_out}"

    def __str__(self) -> str:
        return f"account {self.account}: {self.sentence}" if self.account else self.sentence


def problem(code: str, text: str, way_out: str, account: str | None = None) -> Problem:
    """It keeps the daemon from working."""
    return Problem(code, text, way_out, "problem", account)


def warning(code: str, text: str, way_out: str, account: str | None = None) -> Problem:
    """The daemon works, and yet somebody should know."""
    return Problem(code, text, way_out, "warning", account)
