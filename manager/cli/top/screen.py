"""Screen: what is shown, line by line, the most urgent first; each line is cut at the width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from rich.text import Text

from manager.cli.width import folded
from manager.operator.now import AccountNow, Backlog, Move, Now, Others, Period, Span, Timeline
from manager.operator.problems import Problem
from manager.operator.words import age, counted

STYLES = {"problem": "bold red", "warning": "yellow"}
BARS = "▁▂▃▄▅▆▇█"
# How a stay in a slot is drawn, by what it left the slot for.
ENDED = {None: "cyan", "completed": "green", "packed": "yellow"}
# Columns left of what is drawn over time.
MARGIN = 10


def screen(found: Now, width: int, height: int | None = None) -> list[Text]:
    """The lines, no more than `height` of them; None: all."""
    several = len(found.accounts) > 1
    lines: list[Text | str] = [_head(found), *_problems(found, several, width)]
    for account in found.accounts:
        lines += ["", *_account(account, width)]
    lines += _moves(found.moves, several)
    made = [Text(it) if isinstance(it, str) else it for it in lines[:height]]
    for line in made:
        line.no_wrap, line.overflow = True, "ellipsis"
    return made


def _head(found: Now) -> Text:
    state = Text("the daemon can work", "bold green")
    if problems := found.status.problems:
        state = Text(counted(len(problems), "problem"), STYLES["problem"])
    if warnings := found.status.warnings:
        state.append(f", {counted(len(warnings), 'warning')}", STYLES["warning"])
    return Text.assemble(("enrichd ", "bold"), f"{found.at:%H:%M:%S} UTC  ", state)


def _problems(found: Now, several: bool, width: int) -> Iterator[Text]:
    """Each with its way out, on as many lines as that takes."""
    for it in found.status.problems + found.status.warnings:
        yield from _wrapped(it, several, width)


def _wrapped(it: Problem, several: bool, width: int) -> Iterator[Text]:
    said = _printable(str(it) if several else it.sentence)
    first, *rest = folded(f"{it.severity} {said}", max(width - 2, 1))
    lines = [first, *(f"  {line}" for line in rest)]
    for number, line in enumerate(lines):
        text = Text(line)
        if number == 0:
            text.stylize(STYLES[it.severity], 0, len(it.severity))
        yield text


def _account(now: AccountNow, width: int) -> Iterator[Text | str]:
    it = now.standing
    taken = f", {it.foreign_active} others'" if it.foreign_active else ""
    waiting = it.identifiers.get("waiting", 0)
    held = f"{it.slots_held} of {it.cap} slots held{taken}"
    yield Text.assemble((f"account {it.account}", "bold"), f": {held}")
    requests = counted(it.open_requests, "open request")
    yield f"{'waiting':<{MARGIN}}{waiting:,} identifiers, {it.in_jobs:,} in jobs; {requests}"
    calls = "; ".join(f"{route} {done.used} of {done.allowed}" for route, done in it.calls.items())
    yield f"{'calls':<{MARGIN}}{calls or 'not known'} a minute"
    yield from _slots(now.timeline, width)
    yield from _throughput(now.minutes, now.hours, width)
    yield from _backlog(now.backlog)


def _slots(line: Timeline, width: int) -> Iterator[Text]:
    """An hour, the present at the right edge: each slot's jobs, others' jobs, and what runs."""
    columns = max(min(width - MARGIN - 30, 90), 10)
    step = (line.until - line.since) / columns
    drawn = {slot: Text(f"slot {slot:<{MARGIN - 5}}") for slot in range(1, line.slots + 1)}
    for column in range(columns):
        begin = line.since + column * step
        within = [it for it in line.spans if _is_within(it, begin, begin + step)]
        held = {it.slot: it for it in within}
        others = sum(_is_within(it, begin, begin + step) for it in line.others)
        free = [slot for slot in drawn if slot not in held]
        taken = free[-others:] if others else []
        for slot, row in drawn.items():
            if slot in held:
                row.append("█", ENDED.get(held[slot].became, "red"))
            else:
                row.append("░" if slot in taken else "·", "dim")
    running = {it.slot: it for it in line.running}
    free = [slot for slot in drawn if slot not in running]
    taken = free[-line.taken_by_others :] if line.taken_by_others else []
    for slot, row in drawn.items():
        if slot in running:
            row.append(f" {_run(running[slot])}")
        else:
            row.append(" taken by others" if slot in taken else " free", "dim")
        yield row


def _is_within(it: Span | Others, begin: datetime, end: datetime) -> bool:
    return it.began < end and (it.ended is None or it.ended > begin)


def _run(span: Span) -> str:
    until = f", ends {_clock(span.expected_end)}" if span.expected_end else ""
    return f"{span.state} {span.size:,}, {age(span.began)}{until}"


def _throughput(
    minutes: Sequence[Period], hours: Sequence[Period], width: int
) -> Iterator[Text | str]:
    """Identifiers settled a minute, as bars; and what came of them."""
    columns = max(min(width - MARGIN - 30, 90), 10)
    shown = minutes[-min(columns, 60) :]
    most = max((it.settled for it in shown), default=0)
    bars = "".join(
        BARS[min(it.settled * len(BARS) // (most + 1), len(BARS) - 1)] if it.settled else " "
        for it in shown
    )
    yield Text.assemble(f"{'a minute':<{MARGIN}}", (bars, "green"), f" at most {most:,}")
    for name, periods in (("an hour", minutes), ("a day", hours)):
        found, nothing = sum(it.found for it in periods), sum(it.not_found for it in periods)
        failed, jobs = sum(it.failed for it in periods), sum(it.jobs for it in periods)
        lost = f", {failed:,} in jobs that failed" if failed else ""
        yield f"{name:<{MARGIN}}{found:,} found, {nothing:,} not, in {counted(jobs, 'job')}{lost}"


def _backlog(lanes: Sequence[Backlog]) -> Iterator[str]:
    if not lanes:
        yield f"{'backlog':<{MARGIN}}nothing waits"
    for it in lanes:
        about = "about " if it.uncounted else ""
        since = f", since {age(it.since)}" if it.since else ""
        fields = f" with {counted(len(it.fields), 'field')}" if it.fields else ""
        yield _printable(
            f"{'lane':<{MARGIN}}{it.endpoint} by {it.identifier_type.replace('_', ' ')}{fields}: "
            f"{about}{it.identifiers:,}{since}; {it.forecast}"
        )


def _moves(moves: Sequence[Move], several: bool) -> Iterator[Text | str]:
    if moves:
        yield ""
    for it in moves:
        whose = f"{it.account} " if several else ""
        moved = f"{it.from_state or 'new'} → {it.to_state}"
        yield Text.assemble(
            (f"{it.at.astimezone(UTC):%H:%M:%S}  ", "dim"),
            _printable(f"{whose}{str(it.job_id)[-8:]} {moved}: {it.why}"),
        )


def _clock(at: datetime) -> str:
    """To the second when it is soon."""
    soon = at - datetime.now(UTC) < timedelta(minutes=10)
    return f"{at.astimezone(UTC):%H:%M:%S}" if soon else f"{at.astimezone(UTC):%H:%M}"


def _printable(text: str) -> str:
    """Text of others on one line, without control sequences."""
    return "".join(c if c.isprintable() else " " for c in text)
