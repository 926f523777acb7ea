"""Ways out of problems that the console has itself: where to look, or what to do, by code."""

from __future__ import annotations

from collections.abc import Mapping

from manager.operator.problems import Problem
from manager.web.console.templates import url

Way = tuple[str, str, Mapping[str, str]]
_RESUME: Way = ("Resume", "/act/account.resume", {})
_KNOWN: Way = ("Acknowledge", "/act/account.acknowledge", {})
_AGAIN: Way = ("Tell again", "/act/account.retry-notices", {})
_AT_VENDOR = ("Jobs at the vendor", "/jobs", {"state": "submitting,pending,processing"})
_UNRESOLVED = ("Unresolved jobs", "/jobs", {"state": "submitting"})
_TO_MERGE = ("Jobs to merge", "/jobs", {"state": "completed,stopped"})
_FAILED = ("Failed jobs", "/jobs", {"state": "failed,rejected,expired", "since": "1d"})
_MERGED = ("Merged jobs", "/jobs", {"state": "merged", "since": "1d"})
_OTHERS = ("Others’ jobs", "/vendor-jobs", {"whose": "foreign"})
_TARGETS: Way = ("Who is told", "/notices", {})

WAYS: Mapping[str, tuple[Way, ...]] = {
    "account-paused": (_RESUME,),
    "endpoint-paused": (_RESUME,),
    "key-refused": (_RESUME,),
    "no-credits": (_RESUME,),
    "submissions-refused": (_RESUME,),
    "lane-paused": (("Lanes", "/lanes", {}),),
    "slots-taken": (_OTHERS,),
    "job-overdue": (_AT_VENDOR,),
    "polls-failing": (_AT_VENDOR,),
    "submission-failing": (("Jobs that wait", "/jobs", {"state": "packed,submitting"}),),
    "submission-unresolved": (_UNRESOLVED,),
    "operator-needed": (_UNRESOLVED,),
    "results-waiting": (_TO_MERGE,),
    "results-failing": (_TO_MERGE,),
    "jobs-failed": (_FAILED, _KNOWN),
    "few-found": (_MERGED, _KNOWN),
    "budget-reached": (("Budgets", "/stats", {}),),
    "price-missing": (("Budgets", "/stats", {}),),
    "target-gone": (_TARGETS, _AGAIN),
    "target-paused": (_TARGETS, _AGAIN),
    "target-failing": (_TARGETS,),
    "notices-abandoned": (("What was not told", "/notices", {"state": "abandoned"}), _AGAIN),
    "notices-late": (("What waits", "/notices", {"state": "waiting"}),),
}
"""Labels, and paths with their queries; the problem's account is added."""


def ways(problem: Problem, operator: bool) -> list[tuple[str, str]]:
    """URLs and labels; none where only a command, or somebody else, can help. operator: whether who
    asks may act.
    """
    return [
        (url(path, **query, account=problem.account), label)
        for label, path, query in WAYS.get(problem.code, ())
        if operator or not path.startswith("/act/")
    ]
