"""Every metric: its name, what it means, and its labels, whose values are few and known.

A label is never an id, an identifier, a tag or a text. `endpoint` and `identifier_type` are those
of lanes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from manager.ledger.metric_triggers import BOUNDS as JOB_BOUNDS
from manager.semaphore.measures import BOUNDS as MEASURED_BOUNDS

Kind = Literal["gauge", "counter", "histogram"]
LANE = ("account", "endpoint", "identifier_type")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `bounds`: of a histogram, the upper bounds of its buckets in seconds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


def _gauge(name: str, labels: tuple[str, ...], help_: str) -> Metric:
    return Metric(f"enrichd_{name}", "gauge", help_, labels)


def _counter(name: str, labels: tuple[str, ...], help_: str) -> Metric:
    return Metric(f"enrichd_{name}_total", "counter", help_, labels)


def _job_histogram(name: str, help_: str) -> Metric:
    return Metric(f"enrichd_job_{name}_seconds", "histogram", help_, LANE, JOB_BOUNDS)


_ALL = (
    # Whether it can be looked at
    _gauge("up", (), "1 when the ledger and Redis were read whole, else 0."),
    _gauge("server_up", ("server",), "1 when that server answered: postgres, redis."),
    _gauge("build_info", ("version",), "1; the version of the process that answers."),
    _gauge("scrape_seconds", (), "How long reading the ledger and Redis took."),
    _gauge("problems", ("account", "code", "severity"),
           "What `enrichd status` names, by the code of its page in the runbook; no account: all."),
    _gauge("processes", ("role",), "Processes that were heard of within the last 35 seconds."),
    _gauge("process_restarts", ("role",), "How often supervisors had to start living ones again."),
    _gauge("wakes_waiting", ("account", "queue"), "Wake-ups that no worker has taken yet."),
    # An account
    _gauge("account_paused", ("account", "kind"), "1 when it is paused for a reason of that kind."),
    _gauge("endpoint_paused", ("account", "endpoint"), "1 when the account may not use it."),
    _gauge("swept_timestamp_seconds", ("account",), "When a worker swept the account last."),
    _gauge("looked_timestamp_seconds", ("account",), "When the vendor's list answered last."),
    _gauge("look_failures", ("account",), "Looks at the vendor's list in a row that have failed."),
    _gauge("vendor_clock_ahead_seconds", ("account",), "By how much the vendor's clock is ahead."),
    _gauge("vendor_list_lag_seconds", ("account",), "How long until a job shows on the list."),
    _gauge("slots", ("account",), "Jobs that may be active at the vendor at once."),
    _gauge("slots_held", ("account",), "Slots that our jobs hold."),
    _gauge("slots_taken_by_others", ("account",), "Slots that other tools' jobs take."),
    # What waits
    _gauge("requests_open", ("account",), "Requests that are not finished."),
    _gauge("identifiers_waiting", ("account",), "Identifiers of requests without an outcome yet."),
    _gauge("backlog_oldest_seconds", LANE,
           "For how long the first in line waits to be packed; 0 when nothing waits."),
    _gauge("jobs", (*LANE, "state"), "Jobs that have not ended."),
    _gauge("job_identifiers", (*LANE, "state"), "Identifiers in jobs that have not ended."),
    _gauge("jobs_oldest_seconds", ("account", "state"),
           "How long the oldest job has been in that state; 0 when none is."),
    _gauge("submissions_unresolved", ("account",), "Submissions whose answer was lost."),
    _gauge("submissions_unresolved_oldest_seconds", ("account",),
           "For how long the oldest of them has been unresolved; 0 when none is."),
    _gauge("backlog_enrichments", LANE, "Enrichments that wait to be packed."),
    _gauge("notices_waiting", ("account",), "Notices that were not told yet."),
    _gauge("notices_oldest_seconds", ("account",),
           "For how long the oldest of them has waited; 0 when none does."),
    _gauge("notice_targets_failing", ("account",), "Targets of theirs that could not be told."),
    # Money
    _gauge("budget_cap", ("budget", "unit"), "Most of its day or month: credits or records."),
    _gauge("budget_spent", ("budget", "unit"), "What was bought in its day or month."),
    _gauge("budget_reserved", ("budget", "unit"), "What is in jobs, at its most."),
    _gauge("budget_blocks", ("budget",), "1 when something waits until it turns."),
    _counter("credits_spent", ("account", "endpoint"), "Credits that were spent, by the prices."),
    _counter("records_bought", ("account", "endpoint"), "Records that were bought."),
    # What was done, whatever is retained
    _counter("requests", ("account",), "Requests that were enqueued."),
    _counter("identifiers_requested", ("account",), "Identifiers of requests, as callers wrote."),
    _counter("identifiers_settled", ("account", "outcome"), "Those that reached that outcome."),
    _counter("job_moves", (*LANE, "from", "to"), "Moves of jobs between states."),
    _counter("submissions_lost", LANE, "Submissions whose answer was lost."),
    _counter("identifiers_accepted", LANE, "Identifiers in jobs that the vendor has accepted."),
    _counter("identifiers_merged", LANE, "Identifiers in jobs whose results were merged."),
    _counter("records_delivered", LANE, "Lines of results of jobs that were merged."),
    _job_histogram("waiting", "From packing a job until the vendor has accepted it."),
    _job_histogram("submission", "From the beginning of a submission until it was accepted."),
    _job_histogram("vendor", "From a job's acceptance until its end was seen."),
    _job_histogram("results", "From a job's end at the vendor until its results were merged."),
    # Calls
    _gauge("vendor_calls_used", ("account", "route"), "Calls of the last minute, others' too."),
    _gauge("vendor_calls_allowed", ("account", "route"), "Calls that a minute allows."),
    _gauge("vendor_calls_queued", ("account", "route"), "Calls that wait for their turn."),
    _gauge("vendor_calls_blocked_seconds", ("account", "route"),
           "For how long the vendor wants no call, after a 429; 0 when it takes some."),
    _counter("vendor_calls", ("account", "route", "outcome"),
             "Calls by the status of their answer, or why there was none."),
    Metric("enrichd_vendor_call_seconds", "histogram", "How long calls of the vendor took.",
           ("account", "route"), MEASURED_BOUNDS),
    Metric("enrichd_step_seconds", "histogram", "How long the daemon's steps took.",
           ("account", "step"), MEASURED_BOUNDS),
    # Upkeep
    _gauge("retention_passed_timestamp_seconds", ("table",), "When retention ended its last pass."),
    _gauge("retention_pass_seconds", ("table",), "The work of the pass that it is in, or ended."),
    _gauge("retention_removed_rows", ("table",), "Rows that this pass has removed."),
    _gauge("ledger_bytes", ("table",), "What a table of the ledger takes, with its indexes."),
    _gauge("ledger_dead_rows", ("table",), "Rows that wait for a vacuum."),
)  # fmt: skip

METRICS: Mapping[str, Metric] = {it.name: it for it in _ALL}
