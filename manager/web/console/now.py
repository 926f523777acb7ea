"""*Now*: what goes on, each account with its slots, what waits, what came out, what it may call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from manager.operator import budgets
from manager.operator.now import AccountNow, Others, Period, Span, moves
from manager.operator.now.now import account_now
from manager.web.console.acts import on_one
from manager.web.console.applies import states_of
from manager.web.console.asked import Asked
from manager.web.console.charts import Bars, Bucket, Stay, Timeline, bars, timeline
from manager.web.console.page import Page
from manager.web.console.source import Source
from manager.web.console.templates import short
from manager.web.console.ways import ways

LAST_MOVES = 12
# Others' jobs at once that have a row of their own; more share the last.
MOST_OTHERS = 5
# What a job left its slot for, as the timeline shows it; with a sign, so that no colour is needed.
ENDS = {
    "completed": ("good", "✓"),
    "failed": ("bad", "✗"),
    "rejected": ("bad", "✗"),
    "stopped": ("partly", "◐"),
    "packed": ("back", "↩"),
}


@dataclass(frozen=True, slots=True)
class Section:
    """An account as the page shows it. held: which part of the hour its slots were held, 0 to 1."""

    now: AccountNow
    timeline: Timeline
    held: float
    minutes: Bars
    hours: Bars
    spent: budgets.Spent
    acts: Sequence[tuple[str, str]]


def values(source: Source, asked: Asked) -> Mapping[str, Any]:
    """All that the page shows; without the ledger, the problems alone."""
    found = source.status()
    sections, last, caps = [], [], []
    if found.accounts:
        context = source.context
        with context.ledger.connect() as connection:
            for standing in found.accounts:
                looked = account_now(connection, context.settings, standing)
                states = states_of(found, standing.account)
                acts = on_one("account", standing.account, *states) if asked.operator else ()
                spent = budgets.spent(connection, context.settings, standing.id)
                sections.append(_section(looked, spent, datetime.now(UTC), acts))
            last = moves(connection, limit=LAST_MOVES)
            caps = budgets.read(connection)
    return {
        "title": "Now",
        "found": found,
        "ways": ways,
        "sections": sections,
        "moves": last,
        "budgets": caps,
    }


def _section(
    looked: AccountNow, spent: budgets.Spent, at: datetime, acts: Sequence[tuple[str, str]]
) -> Section:
    line = looked.timeline
    rows = [str(number) for number in range(1, line.slots + 1)]
    others = list(_others(line.others, at))
    rows += sorted({it.row for it in others})
    chart = timeline(rows, [*map(_stay, line.spans), *others], at)
    window = (line.until - line.since).total_seconds() * max(looked.standing.cap, 1)
    taken = sum(
        ((it.ended or line.until) - max(it.began, line.since)).total_seconds() for it in line.spans
    )
    return Section(
        looked,
        chart,
        min(taken / window, 1.0),
        _bars(looked.minutes),
        _bars(looked.hours),
        spent,
        acts,
    )


def _stay(span: Span) -> Stay:
    """A job of ours in its slot; where the history does not say which, in none."""
    if span.ended is None:
        kind, sign = ("submitting", "…") if span.state == "submitting" else ("active", "▶")
        expected = span.expected_end
        told = f"{span.state}, " + (
            f"ends at about {expected:%H:%M}" if expected else "no telling when it ends"
        )
    else:
        kind, sign = ENDS.get(span.became or "", ("back", "·"))
        if span.state in ("failed", "expired", "rejected"):
            kind, sign = ENDS["failed"]
        results = f", {span.result_count:,} results" if span.result_count is not None else ""
        told = f"{span.became or 'left'} at {span.ended:%H:%M:%S}{results}: {span.why[:200]}"
    return Stay(
        row=str(span.slot or ""),
        since=span.began,
        until=span.ended,
        expected=span.expected_end,
        kind=kind,
        label=f"{sign} {span.size:,}",
        told=f"job {short(span.job_id)}, {span.size:,} identifiers, "
        f"from {span.began:%H:%M:%S}, {told}",
        href=f"/jobs/{span.job_id}",
    )


def _others(jobs: Sequence[Others], at: datetime) -> Iterator[Stay]:
    """Others' jobs, those of one moment each in a row of its own; nobody knows their slots."""
    busy: list[datetime] = []
    for job in sorted(jobs, key=lambda it: it.began):
        row = next((n for n, until in enumerate(busy) if until <= job.began), len(busy))
        row = min(row, MOST_OTHERS - 1)
        busy[row : row + 1] = [job.ended or at]
        size = "" if job.size is None else f"{job.size:,}"
        until = f" to {job.ended:%H:%M:%S}" if job.ended else ""
        told = (
            f"another's job {job.batch_id[:60]}, {size or 'unknown'} identifiers, "
            f"from {job.began:%H:%M:%S}{until}"
        )
        yield Stay(f"other {row + 1}", job.began, job.ended, None, "others", size, told, None)


def _bars(periods: Sequence[Period]) -> Bars:
    return bars([
        Bucket(it.at, {"fulfilled": it.found, "not_found": it.not_found, "failed": it.failed})
        for it in periods
    ])  # fmt: skip


PAGE = Page("/", "now.html", values)
